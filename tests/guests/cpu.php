<?php
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
echo fib(20), "\n"; $a = []; for ($i = 0; $i < 50000; $i++) $a[$i * 7919 % 1013] = ($a[$i * 7919 % 1013] ?? 0) + $i; ksort($a); echo json_encode(array_slice($a, 0, 4)), "\n";
echo md5(str_repeat("abc", 10000)), " ", crc32("hello"), " ", hash("sha256", serialize($a)), "\n";
echo preg_replace_callback('/\d+/', fn($m) => $m[0] * 2, "1 22 333"), " ", number_format(1234567.891, 2), " ", intdiv(-7, 2), " ", -7 % 3, " ", PHP_INT_MAX + 1, "\n";
printf("%.12f %e %05d %s\n", M_PI, 1e-310, 42, var_export(0.1 + 0.2, true)); class A { function __get($n) { return "magic $n"; } } echo (new A)->x, "\n";
try { throw new Exception("e"); } catch (Exception $e) { echo get_class($e), "\n"; } finally { echo "finally\n"; } function g() { for ($i = 0; $i < 3; $i++) yield $i => $i * $i; } foreach (g() as $k => $v) echo "$k=>$v ";
echo "\n", sqrt(2), " ", round(2.5), " ", fmod(7.5, 2), " ", 7 <=> 3, " ", bin2hex(pack("NnCd", 1, 2, 3, 1.5)), " ", shell_exec("echo shell");
