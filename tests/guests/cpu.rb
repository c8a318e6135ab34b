def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
puts fib(18), (1..200).reduce(:*).to_s.size, 2**200 % 1_000_003
h = Hash.new(0); 20000.times { |i| h[i * 7919 % 101] += i }; p h.sort.first(3)
p "the quick brown fox".scan(/\w+/).map(&:capitalize).join(" "), [3, 1, 2].sort.reverse, (1..10).each_slice(3).to_a
q = Queue.new; t = 4.times.map { |i| Thread.new { 100.times { |j| q << i * j } } }; t.each(&:join); p q.size
f = Fiber.new { 3.times { |i| Fiber.yield i }; :end }; p 4.times.map { f.resume }
begin; raise ArgumentError, "x"; rescue => e; p e.class, e.message; end
p Math.sqrt(2), 0.1 + 0.2, 1e23, 10.fdiv(3), Rational(1, 3) + 1, Complex(1, 2) * 2, -7 / 2, -7 % 3
p `echo child`.chomp, $?.exitstatus, Process.wait2(fork { exit 3 })[1].exitstatus
GC.start; p ObjectSpace.count_objects[:TOTAL] > 0, "é".bytes, "abc".unpack("C*"), [1.5].pack("E").bytes
