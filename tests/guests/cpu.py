# Integers, big integers, strings, dictionaries, recursion, generators, exceptions, hashing, compression, regex.
import hashlib, json, random, re, zlib, collections, itertools, struct
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(20))
print(pow(3, 100003, 10**50 + 151), (2**521 - 1) % 1000003, len(str(3**5000)))
r = random.Random(7)
d = collections.Counter(r.randrange(1000) for _ in range(30000))
print(d.most_common(3), sum(d.values()))
x = [r.random() for _ in range(20000)]
x.sort(); print(repr(x[100]), repr(sum(x)))
t = " ".join(str(i * i % 977) for i in range(20000))
print(len(re.findall(r"\b(\d)\d\1\b", t)), hashlib.sha256(t.encode()).hexdigest(), zlib.crc32(t.encode()))
print(hashlib.blake2b(t.encode()).hexdigest()[:32], hashlib.md5(t.encode()).hexdigest(), len(zlib.compress(t.encode(), 9)))
print(len(list(itertools.permutations(range(7)))), json.loads(json.dumps({"a": [1, 2.5, None, "ü"]})))
def gen():
    try:
        while True: yield 1
    finally: print("closed")
g = gen(); next(g); g.close()
n = 0
for i in range(20000):
    try:
        if i % 3 == 0: raise ValueError(i)
        n += 1
    except ValueError as e: n += e.args[0] % 2
print(n, struct.pack("<dqf", 1.5, -2, 0.1).hex(), hash(10**20), int.from_bytes(b"\xff" * 9, "big"))
class V:
    def __init__(s, a): s.a = a
    def __add__(s, o): return V(s.a + o.a)
v = V(0)
for i in range(20000): v = v + V(i)
print(v.a, bytes(range(256)).translate(bytes(reversed(range(256))))[:4], divmod(-7, 3), -7 // 2, 1 << 70)
