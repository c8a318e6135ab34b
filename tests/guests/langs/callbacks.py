# libffi: closures that C calls back, structs by value, floats, many arguments, from threads and while collecting.
import ctypes, ctypes.util, gc, threading
libc = ctypes.CDLL(None)
CMP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_long), ctypes.POINTER(ctypes.c_long))
def order(n, seed):
    a = (ctypes.c_long * n)(*[(i * seed) % 1009 for i in range(n)])
    libc.qsort(a, n, ctypes.sizeof(ctypes.c_long), CMP(lambda x, y: (x[0] > y[0]) - (x[0] < y[0])))
    return list(a) == sorted(a)
print(all(order(200, s) for s in range(1, 40)))
out = []
ts = [threading.Thread(target=lambda s=s: out.append(order(300, s))) for s in (7, 11, 13, 17)]
[t.start() for t in ts]; [t.join() for t in ts]
print(out)
class S(ctypes.Structure): _fields_ = [('a', ctypes.c_int), ('b', ctypes.c_double)]
class F2(ctypes.Structure): _fields_ = [('x', ctypes.c_float), ('y', ctypes.c_float)]
class Big(ctypes.Structure): _fields_ = [('v', ctypes.c_long * 5)]
def call(res, args, fn, *vals): # a closure called through its own address
    t = ctypes.CFUNCTYPE(res, *args); c = t(fn); p = t(ctypes.cast(c, ctypes.c_void_p).value); return p(*vals)
print(call(ctypes.c_double, [ctypes.c_double] * 12, lambda *a: sum(x * i for i, x in enumerate(a)), *[i / 3 for i in range(12)]))
print(call(ctypes.c_double, [S, ctypes.c_int, S], lambda s, i, t: s.a * s.b + i + t.a * t.b, S(2, 1.5), 3, S(4, .25)))
print(call(ctypes.c_float, [F2, F2], lambda p, q: p.x * q.y - p.y * q.x, F2(1, 2), F2(3, 4)))
print(call(ctypes.c_long, [Big, ctypes.c_short, ctypes.c_ubyte], lambda b, s, u: sum(b.v) + s + u, Big((1, 2, 3, 4, 5)), -7, 255))
print(call(ctypes.c_int, [ctypes.c_int] * 20, lambda *a: sum(a[i] << i for i in range(20)), *range(20)))
print(call(ctypes.c_longlong, [ctypes.c_longlong, ctypes.c_char_p], lambda a, b: a + len(b), 1 << 60, b'hello'))
keep = []
for i in range(3000):
    f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x, i=i: x + i)
    if i % 3 == 0: keep.append((i, f))
    assert f(1) == i + 1
gc.collect()
print(sum(f(i) for i, f in keep))
print(libc.strtol(b'7fff', None, 16), ctypes.string_at(ctypes.create_string_buffer(b'abc')), libc.abs(-5))
try:
    import _cffi_backend as b
    ffi = b.FFI()
    f = ffi.callback('double(double, int, float)', lambda a, c, d: a * c + d)
    print(f(1.5, 4, .25), ffi.cast('double(*)(double, int, float)', ffi.cast('void *', f))(2, 3, .5))
except ImportError: print('no cffi')
