# Floating point: printing and parsing, rounding, special values, the math library, complex, decimal, fractions.
import cmath, decimal, fractions, math, struct, statistics
vals = [0.0, -0.0, 1.0, 1/3, 1e308, 5e-324, 2.2250738585072014e-308, math.inf, -math.inf, math.nan, 0.1, 123456789.123456789]
for v in vals: print(repr(v), v.hex(), struct.pack("<d", v).hex() if v == v else "nan")
for f in ("sin cos tan asin atan exp expm1 log1p sqrt cbrt erf gamma lgamma sinh tanh".split()):
    o = []
    for i in range(1, 60):
        try: o.append(getattr(math, f)(i / 61.0))
        except (ValueError, OverflowError) as e: o.append(0.0)
    print(f, "%.13g" % math.fsum(o))
print([round(x / 2) for x in range(-7, 8)], [math.floor(x / 3) for x in range(-5, 6)], math.fmod(-7.5, 2), math.remainder(7.5, 2))
print([int(x) for x in (1e15 + 0.5, -2.9, 2.9)], float("1e23"), 2**53 + 1.0, math.nextafter(1, 2), math.ulp(1e300))
for x in (1e-310, 1e-308, 1e300): print(repr(x * x), repr(x / 3), repr(x * 1e-5))
print(min(0.0, -0.0), max(math.nan, 1.0) != max(math.nan, 1.0), math.copysign(1, -0.0), math.frexp(1e-320), math.ldexp(0.75, -1070))
print(cmath.sqrt(-2), "%.12g" % abs(cmath.exp(1j * 2)), decimal.Decimal(2).sqrt(), fractions.Fraction(0.1), statistics.pstdev(range(100)))
m = [[((i * j) % 7) / 7 for j in range(40)] for i in range(40)]
p = [[sum(a * b for a, b in zip(r, c)) for c in zip(*m)] for r in m]
print(repr(sum(map(sum, p))), struct.pack("<f", 1e-45).hex(), struct.pack("<e", 65504).hex(), struct.unpack("<f", struct.pack("<f", 0.1))[0])
