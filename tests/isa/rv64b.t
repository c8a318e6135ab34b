# Zba, Zbb, Zbc, Zbs, Zicond.
add.uw a0, a1, a2          a1=0xffffffffffffffff a2=1                           => a0=0x100000000
add.uw a0, a1, a2          a1=0x180000000 a2=0x100                              => a0=0x80000100
sh1add a0, a1, a2          a1=0xffffffffffffffff a2=1                           => a0=0xffffffffffffffff
sh1add a0, a1, a2          a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0x369d0369d0369cd0
sh1add.uw a0, a1, a2       a1=0xffffffffffffffff a2=1                           => a0=0x1ffffffff
sh1add.uw a0, a1, a2       a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0x12345679d0369cd0
sh2add a0, a1, a2          a1=0xffffffffffffffff a2=1                           => a0=0xfffffffffffffffd
sh2add a0, a1, a2          a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0x5b05b05b05b05ab0
sh2add.uw a0, a1, a2       a1=0xffffffffffffffff a2=1                           => a0=0x3fffffffd
sh2add.uw a0, a1, a2       a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0x1234567b05b05ab0
sh3add a0, a1, a2          a1=0xffffffffffffffff a2=1                           => a0=0xfffffffffffffff9
sh3add a0, a1, a2          a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0xa3d70a3d70a3d670
sh3add.uw a0, a1, a2       a1=0xffffffffffffffff a2=1                           => a0=0x7fffffff9
sh3add.uw a0, a1, a2       a1=0x123456789abcdef0 a2=0x123456789abcdef0          => a0=0x1234567d70a3d670
slli.uw a0, a1, 0x0        a1=0xffffffffffffffff                                => a0=0xffffffff
slli.uw a0, a1, 0x3f       a1=0xffffffffffffffff                                => a0=0x8000000000000000
slli.uw a0, a1, 0x20       a1=0x123456789abcdef0                                => a0=0x9abcdef000000000
andn a0, a1, a2            a1=0xff a2=0xf                                       => a0=0xf0
orn a0, a1, a2             a1=1 a2=0xf                                          => a0=0xfffffffffffffff1
xnor a0, a1, a2            a1=5 a2=3                                            => a0=0xfffffffffffffff9
xnor a0, a1, a2            a1=0 a2=0                                            => a0=0xffffffffffffffff
clz a0, a1                 a1=0                                                 => a0=0x40
clz a0, a1                 a1=1                                                 => a0=0x3f
clz a0, a1                 a1=0xffffffffffffffff                                => a0=0
clz a0, a1                 a1=0x8000000000000000                                => a0=0
clz a0, a1                 a1=0x123456789abcdef0                                => a0=3
clz a0, a1                 a1=0x80000000                                        => a0=0x20
ctz a0, a1                 a1=0                                                 => a0=0x40
ctz a0, a1                 a1=1                                                 => a0=0
ctz a0, a1                 a1=0xffffffffffffffff                                => a0=0
ctz a0, a1                 a1=0x8000000000000000                                => a0=0x3f
ctz a0, a1                 a1=0x123456789abcdef0                                => a0=4
ctz a0, a1                 a1=0x80000000                                        => a0=0x1f
cpop a0, a1                a1=0                                                 => a0=0
cpop a0, a1                a1=1                                                 => a0=1
cpop a0, a1                a1=0xffffffffffffffff                                => a0=0x40
cpop a0, a1                a1=0x8000000000000000                                => a0=1
cpop a0, a1                a1=0x123456789abcdef0                                => a0=0x20
cpop a0, a1                a1=0x80000000                                        => a0=1
clzw a0, a1                a1=0                                                 => a0=0x20
clzw a0, a1                a1=1                                                 => a0=0x1f
clzw a0, a1                a1=0xffffffffffffffff                                => a0=0
clzw a0, a1                a1=0x8000000000000000                                => a0=0x20
clzw a0, a1                a1=0x123456789abcdef0                                => a0=0
clzw a0, a1                a1=0x80000000                                        => a0=0
clzw a0, a1                a1=0x100000000                                       => a0=0x20
ctzw a0, a1                a1=0                                                 => a0=0x20
ctzw a0, a1                a1=1                                                 => a0=0
ctzw a0, a1                a1=0xffffffffffffffff                                => a0=0
ctzw a0, a1                a1=0x8000000000000000                                => a0=0x20
ctzw a0, a1                a1=0x123456789abcdef0                                => a0=4
ctzw a0, a1                a1=0x80000000                                        => a0=0x1f
ctzw a0, a1                a1=0x100000000                                       => a0=0x20
cpopw a0, a1               a1=0                                                 => a0=0
cpopw a0, a1               a1=1                                                 => a0=1
cpopw a0, a1               a1=0xffffffffffffffff                                => a0=0x20
cpopw a0, a1               a1=0x8000000000000000                                => a0=0
cpopw a0, a1               a1=0x123456789abcdef0                                => a0=0x13
cpopw a0, a1               a1=0x80000000                                        => a0=1
max a0, a1, a2             a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=0x7fffffffffffffff
max a0, a1, a2             a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=0x7fffffffffffffff
max a0, a1, a2             a1=3 a2=3                                            => a0=3
max a0, a1, a2             a1=0xffffffffffffffff a2=0                           => a0=0
maxu a0, a1, a2            a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=0x8000000000000000
maxu a0, a1, a2            a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=0x8000000000000000
maxu a0, a1, a2            a1=3 a2=3                                            => a0=3
maxu a0, a1, a2            a1=0xffffffffffffffff a2=0                           => a0=0xffffffffffffffff
min a0, a1, a2             a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=0x8000000000000000
min a0, a1, a2             a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=0x8000000000000000
min a0, a1, a2             a1=3 a2=3                                            => a0=3
min a0, a1, a2             a1=0xffffffffffffffff a2=0                           => a0=0xffffffffffffffff
minu a0, a1, a2            a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=0x7fffffffffffffff
minu a0, a1, a2            a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=0x7fffffffffffffff
minu a0, a1, a2            a1=3 a2=3                                            => a0=3
minu a0, a1, a2            a1=0xffffffffffffffff a2=0                           => a0=0
sext.b a0, a1              a1=0x7f                                              => a0=0x7f
sext.b a0, a1              a1=0x180                                             => a0=0xffffffffffffff80
sext.h a0, a1              a1=0x7fff                                            => a0=0x7fff
sext.h a0, a1              a1=0x18000                                           => a0=0xffffffffffff8000
zext.h a0, a1              a1=0xffffffffffffffff                                => a0=0xffff
rol a0, a1, a2             a1=0x123456789abcdef0 a2=4                           => a0=0x23456789abcdef01
rol a0, a1, a2             a1=0x123456789abcdef0 a2=0x40                        => a0=0x123456789abcdef0
rol a0, a1, a2             a1=0x123456789abcdef0 a2=0                           => a0=0x123456789abcdef0
rol a0, a1, a2             a1=1 a2=0xffffffffffffffff                           => a0=0x8000000000000000
ror a0, a1, a2             a1=0x123456789abcdef0 a2=4                           => a0=0x123456789abcdef
ror a0, a1, a2             a1=0x123456789abcdef0 a2=0x40                        => a0=0x123456789abcdef0
ror a0, a1, a2             a1=0x123456789abcdef0 a2=0                           => a0=0x123456789abcdef0
ror a0, a1, a2             a1=1 a2=0xffffffffffffffff                           => a0=2
rori a0, a1, 0x4           a1=0x123456789abcdef0                                => a0=0x123456789abcdef
rori a0, a1, 0x1           a1=1                                                 => a0=0x8000000000000000
rori a0, a1, 0x0           a1=0x123456789abcdef0                                => a0=0x123456789abcdef0
rolw a0, a1, a2            a1=0x80000001 a2=1                                   => a0=3
rolw a0, a1, a2            a1=0x123456789abcdef0 a2=0x20                        => a0=0xffffffff9abcdef0
rolw a0, a1, a2            a1=0x123456789abcdef0 a2=0                           => a0=0xffffffff9abcdef0
rorw a0, a1, a2            a1=0x80000001 a2=1                                   => a0=0xffffffffc0000000
rorw a0, a1, a2            a1=0x123456789abcdef0 a2=0x20                        => a0=0xffffffff9abcdef0
rorw a0, a1, a2            a1=1 a2=1                                            => a0=0xffffffff80000000
roriw a0, a1, 0x1          a1=1                                                 => a0=0xffffffff80000000
roriw a0, a1, 0x8          a1=0x123456789abcdef0                                => a0=0xfffffffff09abcde
roriw a0, a1, 0x0          a1=0x80000000                                        => a0=0xffffffff80000000
orc.b a0, a1               a1=0                                                 => a0=0
orc.b a0, a1               a1=0x123456789abcdef0                                => a0=0xffffffffffffffff
orc.b a0, a1               a1=0x100800000000001                                 => a0=0xff00ff00000000ff
rev8 a0, a1                a1=0x123456789abcdef0                                => a0=0xf0debc9a78563412
clmul a0, a1, a2           a1=3 a2=3                                            => a0=5
clmul a0, a1, a2           a1=0xffffffffffffffff a2=0xffffffffffffffff          => a0=0x5555555555555555
clmul a0, a1, a2           a1=0x8000000000000000 a2=0x8000000000000000          => a0=0
clmul a0, a1, a2           a1=0x123456789abcdef0 a2=0x8000000000000001          => a0=0x123456789abcdef0
clmulh a0, a1, a2          a1=3 a2=3                                            => a0=0
clmulh a0, a1, a2          a1=0xffffffffffffffff a2=0xffffffffffffffff          => a0=0x5555555555555555
clmulh a0, a1, a2          a1=0x8000000000000000 a2=0x8000000000000000          => a0=0x4000000000000000
clmulh a0, a1, a2          a1=0x123456789abcdef0 a2=0x8000000000000001          => a0=0x91a2b3c4d5e6f78
clmulr a0, a1, a2          a1=3 a2=3                                            => a0=0
clmulr a0, a1, a2          a1=0xffffffffffffffff a2=0xffffffffffffffff          => a0=0xaaaaaaaaaaaaaaaa
clmulr a0, a1, a2          a1=0x8000000000000000 a2=0x8000000000000000          => a0=0x8000000000000000
clmulr a0, a1, a2          a1=0x123456789abcdef0 a2=0x8000000000000001          => a0=0x123456789abcdef0
bclr a0, a1, a2            a1=0xffffffffffffffff a2=0x3f                        => a0=0x7fffffffffffffff
bclr a0, a1, a2            a1=0 a2=0x40                                         => a0=0
bclr a0, a1, a2            a1=0x123456789abcdef0 a2=4                           => a0=0x123456789abcdee0
bclr a0, a1, a2            a1=0x123456789abcdef0 a2=0xffffffffffffffff          => a0=0x123456789abcdef0
bclri a0, a1, 0x3f         a1=0xffffffffffffffff                                => a0=0x7fffffffffffffff
bclri a0, a1, 0x4          a1=0x123456789abcdef0                                => a0=0x123456789abcdee0
bclri a0, a1, 0x0          a1=0                                                 => a0=0
bext a0, a1, a2            a1=0xffffffffffffffff a2=0x3f                        => a0=1
bext a0, a1, a2            a1=0 a2=0x40                                         => a0=0
bext a0, a1, a2            a1=0x123456789abcdef0 a2=4                           => a0=1
bext a0, a1, a2            a1=0x123456789abcdef0 a2=0xffffffffffffffff          => a0=0
bexti a0, a1, 0x3f         a1=0xffffffffffffffff                                => a0=1
bexti a0, a1, 0x4          a1=0x123456789abcdef0                                => a0=1
bexti a0, a1, 0x0          a1=0                                                 => a0=0
binv a0, a1, a2            a1=0xffffffffffffffff a2=0x3f                        => a0=0x7fffffffffffffff
binv a0, a1, a2            a1=0 a2=0x40                                         => a0=1
binv a0, a1, a2            a1=0x123456789abcdef0 a2=4                           => a0=0x123456789abcdee0
binv a0, a1, a2            a1=0x123456789abcdef0 a2=0xffffffffffffffff          => a0=0x923456789abcdef0
binvi a0, a1, 0x3f         a1=0xffffffffffffffff                                => a0=0x7fffffffffffffff
binvi a0, a1, 0x4          a1=0x123456789abcdef0                                => a0=0x123456789abcdee0
binvi a0, a1, 0x0          a1=0                                                 => a0=1
bset a0, a1, a2            a1=0xffffffffffffffff a2=0x3f                        => a0=0xffffffffffffffff
bset a0, a1, a2            a1=0 a2=0x40                                         => a0=1
bset a0, a1, a2            a1=0x123456789abcdef0 a2=4                           => a0=0x123456789abcdef0
bset a0, a1, a2            a1=0x123456789abcdef0 a2=0xffffffffffffffff          => a0=0x923456789abcdef0
bseti a0, a1, 0x3f         a1=0xffffffffffffffff                                => a0=0xffffffffffffffff
bseti a0, a1, 0x4          a1=0x123456789abcdef0                                => a0=0x123456789abcdef0
bseti a0, a1, 0x0          a1=0                                                 => a0=1
czero.eqz a0, a1, a2       a1=5 a2=0                                            => a0=0
czero.eqz a0, a1, a2       a1=5 a2=1                                            => a0=5
czero.eqz a0, a1, a2       a1=5 a2=0x8000000000000000                           => a0=5
czero.nez a0, a1, a2       a1=5 a2=0                                            => a0=5
czero.nez a0, a1, a2       a1=5 a2=1                                            => a0=0
czero.nez a0, a1, a2       a1=5 a2=0x8000000000000000                           => a0=0
