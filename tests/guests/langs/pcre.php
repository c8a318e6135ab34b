<?php // PHP with the compiler of its regular expressions, the byte code cache off; generators, closures, fibers, fork of shells.
echo ini_get('pcre.jit') !== '0', "\n";
$text = str_repeat("The quick brown fox 192.168.0.1 <b>jumps</b> über a \"lazy\" dog 2024-05-06; ", 300);
foreach (['/\b(\w)(\w*)\b/u', '/(\d{1,3})(?:\.\d{1,3}){3}/', '~<(\w+)>(.*?)</\1>~s', '/(?<y>\d{4})-(?<m>\d\d)/', '/(?i)QUICK(?=\s+brown)/', '/(\((?:[^()]|(?1))*\))/', '/^(?:a?){25}a{25}$/', '/\p{Lu}\p{Ll}+/u', '/(?<!z)dog$/m'] as $r) {
    $n = preg_match_all($r, $text . '(a(b)(c(d)))', $m);
    echo $r, ' ', $n, ' ', crc32(serialize($m)), ' ', preg_last_error_msg(), "\n";
}
echo md5(preg_replace_callback('/\d+/', fn($m) => $m[0] * 3, $text)), ' ', count(preg_split('/[\s,;]+/', $text)), "\n";
for ($i = 0, $s = 0; $i < 400; $i++) $s += preg_match("/^(x{0,$i}y|[a-$i]{" . ($i % 7) . "})/", str_repeat('x', $i % 50) . 'y');
echo $s, "\n";
var_dump(preg_match('/^(a+)+$/', str_repeat('a', 40) . 'b'), preg_last_error_msg());
$f = new Fiber(function ($x) { while (true) $x = Fiber::suspend($x * 2); });
echo $f->start(1), $f->resume(5), $f->resume(7), "\n";
function gen($n) { for ($i = 0; $i < $n; $i++) yield $i => $i ** 2; }
$sum = 0; foreach (gen(20000) as $k => $v) $sum += $k ^ $v; echo $sum, "\n";
try { intdiv(PHP_INT_MIN, -1); } catch (ArithmeticError $e) { echo $e->getMessage(), "\n"; }
try { (function () { (function () { throw new LogicException('deep'); })(); })(); } catch (Exception $e) { echo get_class($e), count($e->getTrace()), "\n"; }
echo json_encode([1.5, 1e100, 0.1 + 0.2, "é", ['a' => null]]), ' ', number_format(1234567.891, 2), ' ', hash('xxh3', $text), "\n";
echo shell_exec('echo from shell; exit 3'), proc_close(proc_open(['sh', '-c', 'exit 9'], [], $p)), "\n";
