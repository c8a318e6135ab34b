# D, Zfhmin and their part of Zfa.
# loads, stores, moves
fld fa0, 4(a1)             a1=@buf [@buf+4]=0x8182838485868788:8                => fa0=0x8182838485868788
fld fa0, 0(a1)             a1=8 fa0=5                                           => trap=access tval=8
fsd fa0, -4(a1)            a1=@buf+5 fa0=0x1122334481828384                     => [@buf+1]=0x1122334481828384:8
fmv.x.d a0, fa1            fa1=-5                                               => a0=-5
fmv.d.x fa0, a1            a1=-5                                                => fa0=-5
# arithmetic
fadd.d fa0, fa1, fa2       fa1=1.5d fa2=2.25d                                   => fa0=3.75d
fadd.d fa0, fa1, fa2       fa1=1d fa2=0x7ff0000000000001                        => fa0=0x7ff8000000000000 fflags=16
fadd.d fa0, fa1, fa2       fa1=1d fa2=0x7ff8000000012345                        => fa0=0x7ff8000000000000      # payloads do not propagate
fadd.d fa0, fa1, fa2       fa1=infd fa2=-infd                                   => fa0=0x7ff8000000000000 fflags=16
fadd.d fa0, fa1, fa2       fa1=0x7fefffffffffffff fa2=0x7fefffffffffffff        => fa0=infd fflags=5
fadd.d fa0, fa1, fa2, rtz  fa1=0x7fefffffffffffff fa2=0x7fefffffffffffff        => fa0=0x7fefffffffffffff fflags=5
fadd.d fa0, fa1, fa2       fa1=1d fa2=-1d                                       => fa0=0d
fadd.d fa0, fa1, fa2, rdn  fa1=1d fa2=-1d                                       => fa0=0x8000000000000000      # -0
fadd.d fa0, fa1, fa2, rne  fa1=1d fa2=1e-300d                                   => fa0=1d fflags=1
fadd.d fa0, fa1, fa2, rtz  fa1=1d fa2=1e-300d                                   => fa0=1d fflags=1
fadd.d fa0, fa1, fa2, rdn  fa1=1d fa2=1e-300d                                   => fa0=1d fflags=1
fadd.d fa0, fa1, fa2, rup  fa1=1d fa2=1e-300d                                   => fa0=0x3ff0000000000001 fflags=1
fadd.d fa0, fa1, fa2, rmm  fa1=1d fa2=1e-300d                                   => fa0=1d fflags=1
fadd.d fa0, fa1, fa2       fa1=1d fa2=1e-300d frm=0                             => fa0=1d fflags=1
fadd.d fa0, fa1, fa2       fa1=1d fa2=1e-300d frm=3                             => fa0=0x3ff0000000000001 fflags=1
fadd.d fa0, fa1, fa2, rne  fa1=1d fa2=0x3ca0000000000000                        => fa0=1d fflags=1             # tie to even
fadd.d fa0, fa1, fa2, rmm  fa1=1d fa2=0x3ca0000000000000                        => fa0=0x3ff0000000000001 fflags=1 # tie away
fadd.d fa0, fa1, fa2       fa1=1d frm=5                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.d fa0, fa1, fa2       fa1=1d frm=6                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.d fa0, fa1, fa2       fa1=1d frm=7                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.d fa0, fa1, fa2, rne  fa1=1d fa2=1d frm=5                                  => fa0=2d                      # static mode does not look
fsub.d fa0, fa1, fa2       fa1=5d fa2=7d                                        => fa0=-2d
fsub.d fa0, fa1, fa2       fa1=infd fa2=infd                                    => fa0=0x7ff8000000000000 fflags=16
fmul.d fa0, fa1, fa2       fa1=1.5d fa2=-2d                                     => fa0=-3d
fmul.d fa0, fa1, fa2       fa1=0d fa2=infd                                      => fa0=0x7ff8000000000000 fflags=16
fmul.d fa0, fa1, fa2       fa1=0x10000000000000 fa2=0.5d                        => fa0=0x8000000000000
fmul.d fa0, fa1, fa2       fa1=0x1 fa2=0.5d                                     => fa0=0d fflags=3             # underflow to even
fmul.d fa0, fa1, fa2, rup  fa1=0x1 fa2=0.5d                                     => fa0=0x1 fflags=3
fdiv.d fa0, fa1, fa2       fa1=7d fa2=2d                                        => fa0=3.5d
fdiv.d fa0, fa1, fa2       fa1=1d fa2=0d                                        => fa0=infd fflags=8
fdiv.d fa0, fa1, fa2       fa1=-1d fa2=0d                                       => fa0=-infd fflags=8
fdiv.d fa0, fa1, fa2       fa1=0d fa2=0d                                        => fa0=0x7ff8000000000000 fflags=16
fdiv.d fa0, fa1, fa2       fa1=infd fa2=infd                                    => fa0=0x7ff8000000000000 fflags=16
fsqrt.d fa0, fa1           fa1=2.25d                                            => fa0=1.5d
fsqrt.d fa0, fa1           fa1=-1d                                              => fa0=0x7ff8000000000000 fflags=16
fsqrt.d fa0, fa1           fa1=0x8000000000000000                               => fa0=0x8000000000000000
fmadd.d fa0, fa1, fa2, fa3 fa1=2d fa2=3d fa3=4d                                 => fa0=10d
fmsub.d fa0, fa1, fa2, fa3 fa1=2d fa2=3d fa3=4d                                 => fa0=2d
fnmsub.d fa0, fa1, fa2, fa3 fa1=2d fa2=3d fa3=4d                                 => fa0=-2d
fnmadd.d fa0, fa1, fa2, fa3 fa1=2d fa2=3d fa3=4d                                 => fa0=-10d
fmadd.d fa0, fa1, fa2, fa3 fa1=infd fa2=0d fa3=nand                             => fa0=0x7ff8000000000000 fflags=16 # inf * 0 + quiet NaN is invalid
fmsub.d fa0, fa1, fa1, fa2 fa1=0x3ff0000000000001 fa2=0x3ff0000000000002        => fa0=0x3970000000000000      # rounded once
# signs, minimum, comparison, class
fsgnj.d fa0, fa1, fa2      fa1=1d fa2=-2d                                       => fa0=-1d
fsgnjn.d fa0, fa1, fa2     fa1=1d fa2=-2d                                       => fa0=1d
fsgnjx.d fa0, fa1, fa2     fa1=-1d fa2=-2d                                      => fa0=1d
fsgnjn.d fa0, fa1, fa2     fa1=0x7ff0000000000001 fa2=1d                        => fa0=0xfff0000000000001      # signalling NaNs pass
fsgnjn.d fa0, fa1, fa1     fa1=1d                                               => fa0=-1d                     # fneg
fsgnjx.d fa0, fa1, fa1     fa1=-1d                                              => fa0=1d                      # fabs
fsgnj.d fa0, fa1, fa1      fa1=-3d                                              => fa0=-3d                     # fmv
fmin.d fa0, fa1, fa2       fa1=1d fa2=2d                                        => fa0=1d
fmin.d fa0, fa1, fa2       fa1=0d fa2=0x8000000000000000                        => fa0=0x8000000000000000
fmin.d fa0, fa1, fa2       fa1=0x7ff8000000012345 fa2=1d                        => fa0=1d
fmin.d fa0, fa1, fa2       fa1=0x7ff8000000012345 fa2=0x7ff8000000012345        => fa0=0x7ff8000000000000
fmin.d fa0, fa1, fa2       fa1=0x7ff0000000000001 fa2=1d                        => fa0=1d fflags=16
fmax.d fa0, fa1, fa2       fa1=1d fa2=2d                                        => fa0=2d
fmax.d fa0, fa1, fa2       fa1=0d fa2=0x8000000000000000                        => fa0=0d
fmax.d fa0, fa1, fa2       fa1=1d fa2=0x7ff8000000012345                        => fa0=1d
fmax.d fa0, fa1, fa2       fa1=0x7ff0000000000001 fa2=0x7ff0000000000001        => fa0=0x7ff8000000000000 fflags=16
fminm.d fa0, fa1, fa2      fa1=1d fa2=0x7ff8000000012345                        => fa0=0x7ff8000000000000
fminm.d fa0, fa1, fa2      fa1=0d fa2=0x8000000000000000                        => fa0=0x8000000000000000
fmaxm.d fa0, fa1, fa2      fa1=0x7ff0000000000001 fa2=1d                        => fa0=0x7ff8000000000000 fflags=16
fmaxm.d fa0, fa1, fa2      fa1=2d fa2=3d                                        => fa0=3d
feq.d a0, fa1, fa2         a0=7 fa1=1d fa2=1d                                   => a0=1
feq.d a0, fa1, fa2         a0=7 fa1=-1d fa2=1d                                  => a0=0
feq.d a0, fa1, fa2         a0=7 fa1=1d fa2=-infd                                => a0=0
feq.d a0, fa1, fa2         a0=7 fa1=0d fa2=0x8000000000000000                   => a0=1
feq.d a0, fa1, fa2         a0=7 fa1=0x7ff8000000012345 fa2=1d                   => a0=0
feq.d a0, fa1, fa2         a0=7 fa1=1d fa2=0x7ff0000000000001                   => a0=0 fflags=16
flt.d a0, fa1, fa2         a0=7 fa1=1d fa2=1d                                   => a0=0
flt.d a0, fa1, fa2         a0=7 fa1=-1d fa2=1d                                  => a0=1
flt.d a0, fa1, fa2         a0=7 fa1=1d fa2=-infd                                => a0=0
flt.d a0, fa1, fa2         a0=7 fa1=0d fa2=0x8000000000000000                   => a0=0
flt.d a0, fa1, fa2         a0=7 fa1=0x7ff8000000012345 fa2=1d                   => a0=0 fflags=16
flt.d a0, fa1, fa2         a0=7 fa1=1d fa2=0x7ff0000000000001                   => a0=0 fflags=16
fle.d a0, fa1, fa2         a0=7 fa1=1d fa2=1d                                   => a0=1
fle.d a0, fa1, fa2         a0=7 fa1=-1d fa2=1d                                  => a0=1
fle.d a0, fa1, fa2         a0=7 fa1=1d fa2=-infd                                => a0=0
fle.d a0, fa1, fa2         a0=7 fa1=0d fa2=0x8000000000000000                   => a0=1
fle.d a0, fa1, fa2         a0=7 fa1=0x7ff8000000012345 fa2=1d                   => a0=0 fflags=16
fle.d a0, fa1, fa2         a0=7 fa1=1d fa2=0x7ff0000000000001                   => a0=0 fflags=16
fltq.d a0, fa1, fa2        a0=7 fa1=1d fa2=1d                                   => a0=0
fltq.d a0, fa1, fa2        a0=7 fa1=-1d fa2=1d                                  => a0=1
fltq.d a0, fa1, fa2        a0=7 fa1=1d fa2=-infd                                => a0=0
fltq.d a0, fa1, fa2        a0=7 fa1=0d fa2=0x8000000000000000                   => a0=0
fltq.d a0, fa1, fa2        a0=7 fa1=0x7ff8000000012345 fa2=1d                   => a0=0
fltq.d a0, fa1, fa2        a0=7 fa1=1d fa2=0x7ff0000000000001                   => a0=0 fflags=16
fleq.d a0, fa1, fa2        a0=7 fa1=1d fa2=1d                                   => a0=1
fleq.d a0, fa1, fa2        a0=7 fa1=-1d fa2=1d                                  => a0=1
fleq.d a0, fa1, fa2        a0=7 fa1=1d fa2=-infd                                => a0=0
fleq.d a0, fa1, fa2        a0=7 fa1=0d fa2=0x8000000000000000                   => a0=1
fleq.d a0, fa1, fa2        a0=7 fa1=0x7ff8000000012345 fa2=1d                   => a0=0
fleq.d a0, fa1, fa2        a0=7 fa1=1d fa2=0x7ff0000000000001                   => a0=0 fflags=16
fclass.d a0, fa1           fa1=-infd                                            => a0=1
fclass.d a0, fa1           fa1=-1d                                              => a0=2
fclass.d a0, fa1           fa1=0x8000000000000001                               => a0=4
fclass.d a0, fa1           fa1=0x8000000000000000                               => a0=8
fclass.d a0, fa1           fa1=0d                                               => a0=16
fclass.d a0, fa1           fa1=0x1                                              => a0=32
fclass.d a0, fa1           fa1=1d                                               => a0=64
fclass.d a0, fa1           fa1=infd                                             => a0=128
fclass.d a0, fa1           fa1=0x7ff0000000000001                               => a0=256
fclass.d a0, fa1           fa1=0x7ff8000000012345                               => a0=512
# conversions
fcvt.w.d a0, fa1, rne      fa1=2.5d                                             => a0=2 fflags=1
fcvt.w.d a0, fa1, rtz      fa1=2.5d                                             => a0=2 fflags=1
fcvt.w.d a0, fa1, rdn      fa1=2.5d                                             => a0=2 fflags=1
fcvt.w.d a0, fa1, rup      fa1=2.5d                                             => a0=3 fflags=1
fcvt.w.d a0, fa1, rmm      fa1=2.5d                                             => a0=3 fflags=1
fcvt.l.d a0, fa1, rne      fa1=-2.5d                                            => a0=-2 fflags=1
fcvt.l.d a0, fa1, rtz      fa1=-2.5d                                            => a0=-2 fflags=1
fcvt.l.d a0, fa1, rdn      fa1=-2.5d                                            => a0=-3 fflags=1
fcvt.l.d a0, fa1, rup      fa1=-2.5d                                            => a0=-2 fflags=1
fcvt.l.d a0, fa1, rmm      fa1=-2.5d                                            => a0=-3 fflags=1
fcvt.w.d a0, fa1           fa1=nand                                             => a0=0x7fffffff fflags=16
fcvt.w.d a0, fa1           fa1=-infd                                            => a0=0xffffffff80000000 fflags=16
fcvt.w.d a0, fa1           fa1=3e9d                                             => a0=0x7fffffff fflags=16
fcvt.w.d a0, fa1           fa1=-2147483648d                                     => a0=0xffffffff80000000
fcvt.wu.d a0, fa1          fa1=3e9d                                             => a0=0xffffffffb2d05e00       # sign-extended
fcvt.wu.d a0, fa1          fa1=-1d                                              => a0=0 fflags=16
fcvt.wu.d a0, fa1, rtz     fa1=-0.5d                                            => a0=0 fflags=1
fcvt.wu.d a0, fa1          fa1=nand                                             => a0=-1 fflags=16
fcvt.wu.d a0, fa1          fa1=5e9d                                             => a0=-1 fflags=16
fcvt.l.d a0, fa1           fa1=nand                                             => a0=0x7fffffffffffffff fflags=16
fcvt.l.d a0, fa1           fa1=-1e30d                                           => a0=0x8000000000000000 fflags=16
fcvt.lu.d a0, fa1          fa1=1.8446744073709552e19d                           => a0=-1 fflags=16
fcvt.lu.d a0, fa1          fa1=9223372036854775808d                             => a0=0x8000000000000000
fcvt.lu.d a0, fa1, rne     fa1=-0.75d                                           => a0=0 fflags=16              # rounds to -1
fcvt.lu.d a0, fa1, rne     fa1=-0.25d                                           => a0=0 fflags=1
fcvt.d.w fa0, a1           a1=0x1ffffffff                                       => fa0=-1d
fcvt.d.wu fa0, a1          a1=0x1ffffffff                                       => fa0=4294967295d
fcvt.d.l fa0, a1           a1=-1                                                => fa0=-1d
fcvt.d.lu fa0, a1          a1=-1                                                => fa0=18446744073709551616d fflags=1
fcvt.d.lu fa0, a1, rtz     a1=-1                                                => fa0=0x43efffffffffffff fflags=1
fcvt.d.w fa0, zero                                                              => fa0=0d
# Zfa
fli.d fa0, -1                                                                   => fa0=-1d
fli.d fa0, 1.52587890625e-05                                                      => fa0=1.52587890625e-05d
fli.d fa0, 0.5                                                                  => fa0=0.5d
fli.d fa0, 1                                                                    => fa0=1d
fli.d fa0, 65536                                                                => fa0=65536d
fli.d fa0, min                                                                  => fa0=0x10000000000000
fli.d fa0, inf                                                                  => fa0=infd
fli.d fa0, nan                                                                  => fa0=0x7ff8000000000000
fround.d fa0, fa1, rne     fa1=2.5d                                             => fa0=2d
froundnx.d fa0, fa1, rne   fa1=2.5d                                             => fa0=2d fflags=1
fround.d fa0, fa1, rtz     fa1=2.5d                                             => fa0=2d
froundnx.d fa0, fa1, rtz   fa1=2.5d                                             => fa0=2d fflags=1
fround.d fa0, fa1, rdn     fa1=2.5d                                             => fa0=2d
froundnx.d fa0, fa1, rdn   fa1=2.5d                                             => fa0=2d fflags=1
fround.d fa0, fa1, rup     fa1=2.5d                                             => fa0=3d
froundnx.d fa0, fa1, rup   fa1=2.5d                                             => fa0=3d fflags=1
fround.d fa0, fa1, rmm     fa1=2.5d                                             => fa0=3d
froundnx.d fa0, fa1, rmm   fa1=2.5d                                             => fa0=3d fflags=1
fround.d fa0, fa1, rne     fa1=-0.25d                                           => fa0=0x8000000000000000
fround.d fa0, fa1          fa1=0x7ff0000000000001                               => fa0=0x7ff8000000000000 fflags=16
froundnx.d fa0, fa1        fa1=0x7fefffffffffffff                               => fa0=0x7fefffffffffffff
fcvtmod.w.d a0, fa1, rtz   fa1=1.5d                                             => a0=1 fflags=1
fcvtmod.w.d a0, fa1, rtz   fa1=-1.5d                                            => a0=-1 fflags=1
fcvtmod.w.d a0, fa1, rtz   fa1=4294967297d                                      => a0=1 fflags=16
fcvtmod.w.d a0, fa1, rtz   fa1=2147483648d                                      => a0=0xffffffff80000000 fflags=16
fcvtmod.w.d a0, fa1, rtz   fa1=-2147483648d                                     => a0=0xffffffff80000000
fcvtmod.w.d a0, fa1, rtz   fa1=nand                                             => a0=0 fflags=16
fcvtmod.w.d a0, fa1, rtz   fa1=infd                                             => a0=0 fflags=16
fcvtmod.w.d a0, fa1, rtz   fa1=1e300d                                           => a0=0 fflags=16
# formats
fcvt.s.d fa0, fa1          fa1=1.5d                                             => fa0=1.5s
fcvt.s.d fa0, fa1          fa1=1e300d                                           => fa0=infs fflags=5
fcvt.s.d fa0, fa1          fa1=0x7ff0000000000001                               => fa0=0xffffffff7fc00000 fflags=16
fcvt.s.d fa0, fa1, rup     fa1=1e-300d                                          => fa0=0xffffffff00000001 fflags=3
fcvt.d.s fa0, fa1          fa1=1.5s                                             => fa0=1.5d
fcvt.d.s fa0, fa1          fa1=0x3fc00000                                       => fa0=0x7ff8000000000000      # not NaN-boxed
fcvt.d.s fa0, fa1          fa1=0xffffffff00000001                               => fa0=0x36a0000000000000      # subnormal
fcvt.d.s fa0, fa1          fa1=0xffffffff7fa00000                               => fa0=0x7ff8000000000000 fflags=16
# Zfhmin
flh fa0, 2(a1)             a1=@buf [@buf+2]=0x3c00:2                            => fa0=0xffffffffffff3c00
fsh fa0, 2(a1)             a1=@buf fa0=0x12343c00                               => [@buf+2]=0x3c00:2
fmv.x.h a0, fa1            fa1=0x18001                                          => a0=0xffffffffffff8001
fmv.h.x fa0, a1            a1=0x18001                                           => fa0=0xffffffffffff8001
fcvt.s.h fa0, fa1          fa1=0xffffffffffff3e00                               => fa0=1.5s
fcvt.s.h fa0, fa1          fa1=0xffffffff00003e00                               => fa0=0xffffffff7fc00000      # not NaN-boxed
fcvt.d.h fa0, fa1          fa1=0xffffffffffff0001                               => fa0=5.9604644775390625e-08d
fcvt.h.s fa0, fa1          fa1=1.5s                                             => fa0=0xffffffffffff3e00
fcvt.h.s fa0, fa1          fa1=70000s                                           => fa0=0xffffffffffff7c00 fflags=5
fcvt.h.d fa0, fa1, rtz     fa1=65535d                                           => fa0=0xffffffffffff7bff fflags=1
fcvt.h.d fa0, fa1          fa1=nand                                             => fa0=0xffffffffffff7e00
fcvt.d.h fa0, fa1          fa1=0xffffffffffff7d00                               => fa0=0x7ff8000000000000 fflags=16
