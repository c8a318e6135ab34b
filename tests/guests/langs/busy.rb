# Ruby: threads, fibers, ractors, continuations of exceptions, garbage, fork, signals, big numbers, regular expressions.
require 'digest'; require 'socket'; require 'zlib'; require 'timeout'
q = Queue.new; m = Mutex.new; n = 0
8.times.map { |i| Thread.new { 500.times { |j| m.synchronize { n += j }; q << i if j % 100 == 0 } } }.each(&:join)
p n, q.size
f = Fiber.new { |x| loop { x = Fiber.yield(x * 2) } }
p f.resume(1), f.resume(4), Enumerator.produce(1) { |x| x * 3 % 1009 }.lazy.select(&:even?).first(5)
p (1..300).inject(:*) % 1_000_000_007, 2**1000 % 997, Rational(3, 7) ** 5, Complex(1, 2) ** 3
def deep(n) = deep(n + 1)
begin; deep(0); rescue SystemStackError => e; p e.class; end
begin; Timeout.timeout(0.2) { loop {} }; rescue Timeout::Error => e; p e.message; end
r, w = IO.pipe
pid = fork { r.close; w.puts "child #{[1, 2].sum}"; exit! 7 }
w.close; puts r.read; Process.wait(pid); p $?.exitstatus
got = 0; trap('USR1') { got += 1 }
50.times { Process.kill('USR1', $$); sleep 0.001 }; p got > 0
s = 'The quick brown fox ' * 500
p s.scan(/\b(\w)(\w+)/).map(&:last).tally, s.gsub(/(?<a>o)(?!w)/) { $~[:a].upcase }.hash == s.hash, Digest::SHA256.hexdigest(s), Zlib.crc32(s)
keep = {}; 200_000.times { |i| keep[i % 1000] = [i, i.to_s * 3, { i => i }] }; GC.start; GC.compact if GC.respond_to?(:compact) rescue 0
p keep.sum { |k, v| k * v[1].size }
srv = TCPServer.new('127.0.0.1', 0)
t = Thread.new { 5.times { c = srv.accept; c.puts c.gets.upcase; c.close } }
p 5.times.map { |i| TCPSocket.open('127.0.0.1', srv.addr[1]) { |c| c.puts "m#{i}"; c.gets.chomp } }; t.join
p `echo sub; exit 4`, $?.exitstatus
