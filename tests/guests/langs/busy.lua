-- LuaJIT: its compiler where it has one for the machine, foreign functions, callbacks, coroutines, traces that abort.
local ffi = require 'ffi'
local bit = require 'bit'
ffi.cdef 'typedef int (*cmp)(const int *, const int *); void qsort(void *, size_t, size_t, cmp); double sqrt(double); typedef struct { int a; double b; } pair;'
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(27))
local s = 0
for i = 1, 3e6 do s = bit.bxor(s * 3 + i, bit.rshift(s, 5)) % 1000003 end
print(s)
local a = ffi.new('int[100]')
for i = 0, 99 do a[i] = i * 37 % 101 end
local cb = ffi.cast('cmp', function(x, y) return x[0] - y[0] end)
jit.off(true, true)
ffi.C.qsort(a, 100, 4, cb)
cb:free()
for i = 1, 99 do assert(a[i - 1] < a[i]) end
jit.on(true, true)
local p, t = ffi.new('pair[1000]'), 0
for r = 1, 200 do for i = 0, 999 do p[i].a = p[i].a + i; p[i].b = p[i].b + ffi.C.sqrt(i) end end
for i = 0, 999 do t = t + p[i].a + p[i].b end
print(string.format('%.6f', t))
local co = coroutine.wrap(function() for i = 1, 1e5 do coroutine.yield(i) end end)
t = 0
for i = 1, 1e5 do t = t + co() end
print(t)
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = (('x'):rep(i % 7) .. i):gsub('%d', function(d) return d + 1 end) end
print(#table.concat(parts))
print(pcall(function() local x; return x.y end))
print(select(2, pcall(function() local function d(n) return 1 + d(n + 1) end return d(1) end)):match('stack overflow'))
local big = ffi.new('uint64_t', 1)
for i = 1, 1e5 do big = big * 6364136223846793005ULL + 1442695040888963407ULL end
print(big, 2^53, 1 / 0, 0 / 0 ~= 0 / 0) -- the sign of zero is lost by its numbers that may be integers, as on RISC-V
