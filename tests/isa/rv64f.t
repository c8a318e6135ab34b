# F and its part of Zfa.
# loads, stores, moves
flw fa0, 4(a1)             a1=@buf [@buf+4]=0x81828384:4                        => fa0=0xffffffff81828384
flw fa0, 0(a1)             a1=8 fa0=5                                           => trap=access tval=8
fsw fa0, -4(a1)            a1=@buf+5 fa0=0x1122334481828384                     => [@buf+1]=0x81828384:4       # raw bits, even if not boxed
fmv.x.w a0, fa1            fa1=0x1122334480000001                               => a0=0xffffffff80000001       # no NaN-boxing check
fmv.w.x fa0, a1            a1=0x1122334480000001                                => fa0=0xffffffff80000001
fadd.s fa0, fa1, fa2       fa1=0x3f800000 fa2=1s                                => fa0=0xffffffff7fc00000      # not NaN-boxed
fsgnj.s fa0, fa1, fa1      fa1=0x3f800000                                       => fa0=0xffffffff7fc00000      # also here
fclass.s a0, fa1           fa1=0xfffffffe00000000                               => a0=512
# arithmetic
fadd.s fa0, fa1, fa2       fa1=1.5s fa2=2.25s                                   => fa0=3.75s
fadd.s fa0, fa1, fa2       fa1=1s fa2=0xffffffff7f800001                        => fa0=0xffffffff7fc00000 fflags=16
fadd.s fa0, fa1, fa2       fa1=1s fa2=0xffffffff7fc12345                        => fa0=0xffffffff7fc00000      # payloads do not propagate
fadd.s fa0, fa1, fa2       fa1=infs fa2=-infs                                   => fa0=0xffffffff7fc00000 fflags=16
fadd.s fa0, fa1, fa2       fa1=0xffffffff7f7fffff fa2=0xffffffff7f7fffff        => fa0=infs fflags=5
fadd.s fa0, fa1, fa2, rtz  fa1=0xffffffff7f7fffff fa2=0xffffffff7f7fffff        => fa0=0xffffffff7f7fffff fflags=5
fadd.s fa0, fa1, fa2       fa1=1s fa2=-1s                                       => fa0=0s
fadd.s fa0, fa1, fa2, rdn  fa1=1s fa2=-1s                                       => fa0=0xffffffff80000000      # -0
fadd.s fa0, fa1, fa2, rne  fa1=1s fa2=1e-30s                                    => fa0=1s fflags=1
fadd.s fa0, fa1, fa2, rtz  fa1=1s fa2=1e-30s                                    => fa0=1s fflags=1
fadd.s fa0, fa1, fa2, rdn  fa1=1s fa2=1e-30s                                    => fa0=1s fflags=1
fadd.s fa0, fa1, fa2, rup  fa1=1s fa2=1e-30s                                    => fa0=0xffffffff3f800001 fflags=1
fadd.s fa0, fa1, fa2, rmm  fa1=1s fa2=1e-30s                                    => fa0=1s fflags=1
fadd.s fa0, fa1, fa2       fa1=1s fa2=1e-30s frm=0                              => fa0=1s fflags=1
fadd.s fa0, fa1, fa2       fa1=1s fa2=1e-30s frm=3                              => fa0=0xffffffff3f800001 fflags=1
fadd.s fa0, fa1, fa2, rne  fa1=1s fa2=0xffffffff33800000                        => fa0=1s fflags=1             # tie to even
fadd.s fa0, fa1, fa2, rmm  fa1=1s fa2=0xffffffff33800000                        => fa0=0xffffffff3f800001 fflags=1 # tie away
fadd.s fa0, fa1, fa2       fa1=1s frm=5                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.s fa0, fa1, fa2       fa1=1s frm=6                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.s fa0, fa1, fa2       fa1=1s frm=7                                         => trap=illegal tval=0         # invalid dynamic mode
fadd.s fa0, fa1, fa2, rne  fa1=1s fa2=1s frm=5                                  => fa0=2s                      # static mode does not look
fsub.s fa0, fa1, fa2       fa1=5s fa2=7s                                        => fa0=-2s
fsub.s fa0, fa1, fa2       fa1=infs fa2=infs                                    => fa0=0xffffffff7fc00000 fflags=16
fmul.s fa0, fa1, fa2       fa1=1.5s fa2=-2s                                     => fa0=-3s
fmul.s fa0, fa1, fa2       fa1=0s fa2=infs                                      => fa0=0xffffffff7fc00000 fflags=16
fmul.s fa0, fa1, fa2       fa1=0xffffffff00800000 fa2=0.5s                      => fa0=0xffffffff00400000
fmul.s fa0, fa1, fa2       fa1=0xffffffff00000001 fa2=0.5s                      => fa0=0s fflags=3             # underflow to even
fmul.s fa0, fa1, fa2, rup  fa1=0xffffffff00000001 fa2=0.5s                      => fa0=0xffffffff00000001 fflags=3
fdiv.s fa0, fa1, fa2       fa1=7s fa2=2s                                        => fa0=3.5s
fdiv.s fa0, fa1, fa2       fa1=1s fa2=0s                                        => fa0=infs fflags=8
fdiv.s fa0, fa1, fa2       fa1=-1s fa2=0s                                       => fa0=-infs fflags=8
fdiv.s fa0, fa1, fa2       fa1=0s fa2=0s                                        => fa0=0xffffffff7fc00000 fflags=16
fdiv.s fa0, fa1, fa2       fa1=infs fa2=infs                                    => fa0=0xffffffff7fc00000 fflags=16
fsqrt.s fa0, fa1           fa1=2.25s                                            => fa0=1.5s
fsqrt.s fa0, fa1           fa1=-1s                                              => fa0=0xffffffff7fc00000 fflags=16
fsqrt.s fa0, fa1           fa1=0xffffffff80000000                               => fa0=0xffffffff80000000
fmadd.s fa0, fa1, fa2, fa3 fa1=2s fa2=3s fa3=4s                                 => fa0=10s
fmsub.s fa0, fa1, fa2, fa3 fa1=2s fa2=3s fa3=4s                                 => fa0=2s
fnmsub.s fa0, fa1, fa2, fa3 fa1=2s fa2=3s fa3=4s                                 => fa0=-2s
fnmadd.s fa0, fa1, fa2, fa3 fa1=2s fa2=3s fa3=4s                                 => fa0=-10s
fmadd.s fa0, fa1, fa2, fa3 fa1=infs fa2=0s fa3=nans                             => fa0=0xffffffff7fc00000 fflags=16 # inf * 0 + quiet NaN is invalid
fmsub.s fa0, fa1, fa1, fa2 fa1=0xffffffff3f800001 fa2=0xffffffff3f800002        => fa0=0xffffffff28800000      # rounded once
# signs, minimum, comparison, class
fsgnj.s fa0, fa1, fa2      fa1=1s fa2=-2s                                       => fa0=-1s
fsgnjn.s fa0, fa1, fa2     fa1=1s fa2=-2s                                       => fa0=1s
fsgnjx.s fa0, fa1, fa2     fa1=-1s fa2=-2s                                      => fa0=1s
fsgnjn.s fa0, fa1, fa2     fa1=0xffffffff7f800001 fa2=1s                        => fa0=0xffffffffff800001      # signalling NaNs pass
fsgnjn.s fa0, fa1, fa1     fa1=1s                                               => fa0=-1s                     # fneg
fsgnjx.s fa0, fa1, fa1     fa1=-1s                                              => fa0=1s                      # fabs
fsgnj.s fa0, fa1, fa1      fa1=-3s                                              => fa0=-3s                     # fmv
fmin.s fa0, fa1, fa2       fa1=1s fa2=2s                                        => fa0=1s
fmin.s fa0, fa1, fa2       fa1=0s fa2=0xffffffff80000000                        => fa0=0xffffffff80000000
fmin.s fa0, fa1, fa2       fa1=0xffffffff7fc12345 fa2=1s                        => fa0=1s
fmin.s fa0, fa1, fa2       fa1=0xffffffff7fc12345 fa2=0xffffffff7fc12345        => fa0=0xffffffff7fc00000
fmin.s fa0, fa1, fa2       fa1=0xffffffff7f800001 fa2=1s                        => fa0=1s fflags=16
fmax.s fa0, fa1, fa2       fa1=1s fa2=2s                                        => fa0=2s
fmax.s fa0, fa1, fa2       fa1=0s fa2=0xffffffff80000000                        => fa0=0s
fmax.s fa0, fa1, fa2       fa1=1s fa2=0xffffffff7fc12345                        => fa0=1s
fmax.s fa0, fa1, fa2       fa1=0xffffffff7f800001 fa2=0xffffffff7f800001        => fa0=0xffffffff7fc00000 fflags=16
fminm.s fa0, fa1, fa2      fa1=1s fa2=0xffffffff7fc12345                        => fa0=0xffffffff7fc00000
fminm.s fa0, fa1, fa2      fa1=0s fa2=0xffffffff80000000                        => fa0=0xffffffff80000000
fmaxm.s fa0, fa1, fa2      fa1=0xffffffff7f800001 fa2=1s                        => fa0=0xffffffff7fc00000 fflags=16
fmaxm.s fa0, fa1, fa2      fa1=2s fa2=3s                                        => fa0=3s
feq.s a0, fa1, fa2         a0=7 fa1=1s fa2=1s                                   => a0=1
feq.s a0, fa1, fa2         a0=7 fa1=-1s fa2=1s                                  => a0=0
feq.s a0, fa1, fa2         a0=7 fa1=1s fa2=-infs                                => a0=0
feq.s a0, fa1, fa2         a0=7 fa1=0s fa2=0xffffffff80000000                   => a0=1
feq.s a0, fa1, fa2         a0=7 fa1=0xffffffff7fc12345 fa2=1s                   => a0=0
feq.s a0, fa1, fa2         a0=7 fa1=1s fa2=0xffffffff7f800001                   => a0=0 fflags=16
flt.s a0, fa1, fa2         a0=7 fa1=1s fa2=1s                                   => a0=0
flt.s a0, fa1, fa2         a0=7 fa1=-1s fa2=1s                                  => a0=1
flt.s a0, fa1, fa2         a0=7 fa1=1s fa2=-infs                                => a0=0
flt.s a0, fa1, fa2         a0=7 fa1=0s fa2=0xffffffff80000000                   => a0=0
flt.s a0, fa1, fa2         a0=7 fa1=0xffffffff7fc12345 fa2=1s                   => a0=0 fflags=16
flt.s a0, fa1, fa2         a0=7 fa1=1s fa2=0xffffffff7f800001                   => a0=0 fflags=16
fle.s a0, fa1, fa2         a0=7 fa1=1s fa2=1s                                   => a0=1
fle.s a0, fa1, fa2         a0=7 fa1=-1s fa2=1s                                  => a0=1
fle.s a0, fa1, fa2         a0=7 fa1=1s fa2=-infs                                => a0=0
fle.s a0, fa1, fa2         a0=7 fa1=0s fa2=0xffffffff80000000                   => a0=1
fle.s a0, fa1, fa2         a0=7 fa1=0xffffffff7fc12345 fa2=1s                   => a0=0 fflags=16
fle.s a0, fa1, fa2         a0=7 fa1=1s fa2=0xffffffff7f800001                   => a0=0 fflags=16
fltq.s a0, fa1, fa2        a0=7 fa1=1s fa2=1s                                   => a0=0
fltq.s a0, fa1, fa2        a0=7 fa1=-1s fa2=1s                                  => a0=1
fltq.s a0, fa1, fa2        a0=7 fa1=1s fa2=-infs                                => a0=0
fltq.s a0, fa1, fa2        a0=7 fa1=0s fa2=0xffffffff80000000                   => a0=0
fltq.s a0, fa1, fa2        a0=7 fa1=0xffffffff7fc12345 fa2=1s                   => a0=0
fltq.s a0, fa1, fa2        a0=7 fa1=1s fa2=0xffffffff7f800001                   => a0=0 fflags=16
fleq.s a0, fa1, fa2        a0=7 fa1=1s fa2=1s                                   => a0=1
fleq.s a0, fa1, fa2        a0=7 fa1=-1s fa2=1s                                  => a0=1
fleq.s a0, fa1, fa2        a0=7 fa1=1s fa2=-infs                                => a0=0
fleq.s a0, fa1, fa2        a0=7 fa1=0s fa2=0xffffffff80000000                   => a0=1
fleq.s a0, fa1, fa2        a0=7 fa1=0xffffffff7fc12345 fa2=1s                   => a0=0
fleq.s a0, fa1, fa2        a0=7 fa1=1s fa2=0xffffffff7f800001                   => a0=0 fflags=16
fclass.s a0, fa1           fa1=-infs                                            => a0=1
fclass.s a0, fa1           fa1=-1s                                              => a0=2
fclass.s a0, fa1           fa1=0xffffffff80000001                               => a0=4
fclass.s a0, fa1           fa1=0xffffffff80000000                               => a0=8
fclass.s a0, fa1           fa1=0s                                               => a0=16
fclass.s a0, fa1           fa1=0xffffffff00000001                               => a0=32
fclass.s a0, fa1           fa1=1s                                               => a0=64
fclass.s a0, fa1           fa1=infs                                             => a0=128
fclass.s a0, fa1           fa1=0xffffffff7f800001                               => a0=256
fclass.s a0, fa1           fa1=0xffffffff7fc12345                               => a0=512
# conversions
fcvt.w.s a0, fa1, rne      fa1=2.5s                                             => a0=2 fflags=1
fcvt.w.s a0, fa1, rtz      fa1=2.5s                                             => a0=2 fflags=1
fcvt.w.s a0, fa1, rdn      fa1=2.5s                                             => a0=2 fflags=1
fcvt.w.s a0, fa1, rup      fa1=2.5s                                             => a0=3 fflags=1
fcvt.w.s a0, fa1, rmm      fa1=2.5s                                             => a0=3 fflags=1
fcvt.l.s a0, fa1, rne      fa1=-2.5s                                            => a0=-2 fflags=1
fcvt.l.s a0, fa1, rtz      fa1=-2.5s                                            => a0=-2 fflags=1
fcvt.l.s a0, fa1, rdn      fa1=-2.5s                                            => a0=-3 fflags=1
fcvt.l.s a0, fa1, rup      fa1=-2.5s                                            => a0=-2 fflags=1
fcvt.l.s a0, fa1, rmm      fa1=-2.5s                                            => a0=-3 fflags=1
fcvt.w.s a0, fa1           fa1=nans                                             => a0=0x7fffffff fflags=16
fcvt.w.s a0, fa1           fa1=-infs                                            => a0=0xffffffff80000000 fflags=16
fcvt.w.s a0, fa1           fa1=3e9s                                             => a0=0x7fffffff fflags=16
fcvt.w.s a0, fa1           fa1=-2147483648s                                     => a0=0xffffffff80000000
fcvt.wu.s a0, fa1          fa1=3e9s                                             => a0=0xffffffffb2d05e00       # sign-extended
fcvt.wu.s a0, fa1          fa1=-1s                                              => a0=0 fflags=16
fcvt.wu.s a0, fa1, rtz     fa1=-0.5s                                            => a0=0 fflags=1
fcvt.wu.s a0, fa1          fa1=nans                                             => a0=-1 fflags=16
fcvt.wu.s a0, fa1          fa1=5e9s                                             => a0=-1 fflags=16
fcvt.l.s a0, fa1           fa1=nans                                             => a0=0x7fffffffffffffff fflags=16
fcvt.l.s a0, fa1           fa1=-1e30s                                           => a0=0x8000000000000000 fflags=16
fcvt.lu.s a0, fa1          fa1=1.8446744073709552e19s                           => a0=-1 fflags=16
fcvt.lu.s a0, fa1          fa1=9223372036854775808s                             => a0=0x8000000000000000
fcvt.lu.s a0, fa1, rne     fa1=-0.75s                                           => a0=0 fflags=16              # rounds to -1
fcvt.lu.s a0, fa1, rne     fa1=-0.25s                                           => a0=0 fflags=1
fcvt.s.w fa0, a1           a1=0x1ffffffff                                       => fa0=-1s
fcvt.s.wu fa0, a1          a1=0x1ffffffff                                       => fa0=4294967296s fflags=1
fcvt.s.l fa0, a1           a1=-1                                                => fa0=-1s
fcvt.s.lu fa0, a1          a1=-1                                                => fa0=18446744073709551616s fflags=1
fcvt.s.lu fa0, a1, rtz     a1=-1                                                => fa0=0xffffffff5f7fffff fflags=1
fcvt.s.w fa0, zero                                                              => fa0=0s
# Zfa
fli.s fa0, -1                                                                   => fa0=-1s
fli.s fa0, 1.52587890625e-05                                                      => fa0=1.52587890625e-05s
fli.s fa0, 0.5                                                                  => fa0=0.5s
fli.s fa0, 1                                                                    => fa0=1s
fli.s fa0, 65536                                                                => fa0=65536s
fli.s fa0, min                                                                  => fa0=0xffffffff00800000
fli.s fa0, inf                                                                  => fa0=infs
fli.s fa0, nan                                                                  => fa0=0xffffffff7fc00000
fround.s fa0, fa1, rne     fa1=2.5s                                             => fa0=2s
froundnx.s fa0, fa1, rne   fa1=2.5s                                             => fa0=2s fflags=1
fround.s fa0, fa1, rtz     fa1=2.5s                                             => fa0=2s
froundnx.s fa0, fa1, rtz   fa1=2.5s                                             => fa0=2s fflags=1
fround.s fa0, fa1, rdn     fa1=2.5s                                             => fa0=2s
froundnx.s fa0, fa1, rdn   fa1=2.5s                                             => fa0=2s fflags=1
fround.s fa0, fa1, rup     fa1=2.5s                                             => fa0=3s
froundnx.s fa0, fa1, rup   fa1=2.5s                                             => fa0=3s fflags=1
fround.s fa0, fa1, rmm     fa1=2.5s                                             => fa0=3s
froundnx.s fa0, fa1, rmm   fa1=2.5s                                             => fa0=3s fflags=1
fround.s fa0, fa1, rne     fa1=-0.25s                                           => fa0=0xffffffff80000000
fround.s fa0, fa1          fa1=0xffffffff7f800001                               => fa0=0xffffffff7fc00000 fflags=16
froundnx.s fa0, fa1        fa1=0xffffffff7f7fffff                               => fa0=0xffffffff7f7fffff
