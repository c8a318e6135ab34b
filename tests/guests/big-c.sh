# Prints a C program of $1 functions whose result does not depend on the architecture.
n=$1
for i in $(seq "$n"); do
    cat <<END
static unsigned f$i(unsigned a, unsigned b)
{
    unsigned t[16], s = a * ${i}u + b;
    for (unsigned i = 0; i < 16; i++)
        t[i] = s ^ (s >> (i & 7)) ^ (i * $((i * 7 + 3))u);
    for (unsigned i = 1; i < 64; i++) {
        switch ((s + i) % 5) {
        case 0: s += t[i & 15]; break;
        case 1: s ^= t[(i + $i) & 15] << 3; break;
        case 2: s = s * 1664525u + 1013904223u; break;
        case 3: t[i & 15] = s / (i + 1); break;
        default: s -= b + (s % $((i + 2))u);
        }
    }
    return s;
}
END
done
echo '#include <stdio.h>'
echo 'int main(void) { unsigned s = 1;'
for i in $(seq "$n"); do echo "s = f$i(s, ${i}u);"; done
echo 'printf("%u\n", s); return 0; }'
