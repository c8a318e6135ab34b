# A, Zacas, Zawrs.
lr.w a0, (a1)              a1=@buf [@buf]=0x80000001:4                          => a0=0xffffffff80000001 res=@buf:4
lr.w.aq a0, (a1)           a1=@buf+2                                            => trap=misaligned tval=@buf+2
lr.w zero, (a1)            a1=32                                                => trap=access tval=32
sc.w a0, a2, (a1)          a1=@buf a2=-2 a0=9 res=@buf:4                        => a0=0 [@buf]=-2:4 res=none
sc.w a0, a2, (a1)          a1=@buf a2=-2                                        => a0=1                        # no reservation
sc.w.rl a0, a2, (a1)       a1=@buf+8 a2=-2 res=@buf:4                           => a0=1 res=none               # another address
sc.w a0, a2, (a1)          a1=@buf a2=-2 res=@buf:4 [@buf]=1:1                  => a0=1 res=none               # memory has changed
sc.w a0, a2, (a1)          a1=@buf a2=-2 res=@buf:8                             => a0=1 res=none               # another width
sc.w a0, a2, (a1)          a1=@buf+1 res=@buf:4                                 => trap=misaligned tval=@buf+1
amoswap.w a0, a2, (a1)     a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0xffffffff:4
amoswap.w.aq a0, a2, (a1)  a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000000:4
amoswap.w.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0xff:4
amoswap.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=1:4
amoadd.w a0, a2, (a1)      a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0x7fffffff:4
amoadd.w.aq a0, a2, (a1)   a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000001:4
amoadd.w.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0x159:4
amoadd.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=0:4
amoxor.w a0, a2, (a1)      a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0x7fffffff:4
amoxor.w.aq a0, a2, (a1)   a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000001:4
amoxor.w.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0xa5:4
amoxor.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=0xfffffffe:4
amoand.w a0, a2, (a1)      a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0x80000000:4
amoand.w.aq a0, a2, (a1)   a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0:4
amoand.w.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0x5a:4
amoand.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=1:4
amoor.w a0, a2, (a1)       a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0xffffffff:4
amoor.w.aq a0, a2, (a1)    a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000001:4
amoor.w.rl a0, a2, (a1)    a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0xff:4
amoor.w.aqrl a0, a2, (a1)  a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=0xffffffff:4
amomin.w a0, a2, (a1)      a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0x80000000:4
amomin.w.aq a0, a2, (a1)   a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000000:4
amomin.w.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0x5a:4
amomin.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=0xffffffff:4
amomax.w a0, a2, (a1)      a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0xffffffff:4
amomax.w.aq a0, a2, (a1)   a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=1:4
amomax.w.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0xff:4
amomax.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=1:4
amominu.w a0, a2, (a1)     a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0x80000000:4
amominu.w.aq a0, a2, (a1)  a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=1:4
amominu.w.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0x5a:4
amominu.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=1:4
amomaxu.w a0, a2, (a1)     a1=@buf a2=0xffffffff [@buf]=0x80000000:4            => a0=0xffffffff80000000 [@buf]=0xffffffff:4
amomaxu.w.aq a0, a2, (a1)  a1=@buf a2=0x80000000 [@buf]=1:4                     => a0=1 [@buf]=0x80000000:4
amomaxu.w.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:4                        => a0=0x5a [@buf]=0xff:4
amomaxu.w.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffff:4                     => a0=0xffffffffffffffff [@buf]=0xffffffff:4
amoadd.w a0, a0, (a1)      a1=@buf a0=1 [@buf]=41:4                             => a0=41 [@buf]=42:4           # rd = rs2
amoswap.w a1, zero, (a1)   a1=@buf [@buf]=7:4                                   => a1=7 [@buf]=0:4             # rd = rs1
amoor.w zero, a2, (a1)     a1=@buf a2=4 [@buf]=3:4                              => [@buf]=7:4
amoadd.w a0, a2, (a1)      a1=@buf+3                                            => trap=misaligned tval=@buf+3
amoadd.w a0, a2, (a1)      a1=64                                                => trap=access tval=64
amocas.w a0, a2, (a1)      a1=@buf a0=0x80000001 a2=7 [@buf]=0x80000001:4       => a0=0xffffffff80000001 [@buf]=7:4 # equal
amocas.w a0, a2, (a1)      a1=@buf a0=1 a2=7 [@buf]=0x80000001:4                => a0=0xffffffff80000001       # not equal
amocas.w.aqrl a0, a2, (a1) a1=@buf+2                                            => trap=misaligned tval=@buf+2
lr.d a0, (a1)              a1=@buf [@buf]=0x8000000000000001:8                  => a0=0x8000000000000001 res=@buf:8
lr.d.aq a0, (a1)           a1=@buf+4                                            => trap=misaligned tval=@buf+4
lr.d zero, (a1)            a1=32                                                => trap=access tval=32
sc.d a0, a2, (a1)          a1=@buf a2=-2 a0=9 res=@buf:8                        => a0=0 [@buf]=-2:8 res=none
sc.d a0, a2, (a1)          a1=@buf a2=-2                                        => a0=1                        # no reservation
sc.d.rl a0, a2, (a1)       a1=@buf+8 a2=-2 res=@buf:8                           => a0=1 res=none               # another address
sc.d a0, a2, (a1)          a1=@buf a2=-2 res=@buf:8 [@buf]=1:1                  => a0=1 res=none               # memory has changed
sc.d a0, a2, (a1)          a1=@buf a2=-2 res=@buf:4                             => a0=1 res=none               # another width
sc.d a0, a2, (a1)          a1=@buf+1 res=@buf:8                                 => trap=misaligned tval=@buf+1
amoswap.d a0, a2, (a1)     a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0xffffffffffffffff:8
amoswap.d.aq a0, a2, (a1)  a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000000:8
amoswap.d.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0xff:8
amoswap.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=1:8
amoadd.d a0, a2, (a1)      a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0x7fffffffffffffff:8
amoadd.d.aq a0, a2, (a1)   a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000001:8
amoadd.d.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0x159:8
amoadd.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=0:8
amoxor.d a0, a2, (a1)      a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0x7fffffffffffffff:8
amoxor.d.aq a0, a2, (a1)   a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000001:8
amoxor.d.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0xa5:8
amoxor.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=0xfffffffffffffffe:8
amoand.d a0, a2, (a1)      a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0x8000000000000000:8
amoand.d.aq a0, a2, (a1)   a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0:8
amoand.d.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0x5a:8
amoand.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=1:8
amoor.d a0, a2, (a1)       a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0xffffffffffffffff:8
amoor.d.aq a0, a2, (a1)    a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000001:8
amoor.d.rl a0, a2, (a1)    a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0xff:8
amoor.d.aqrl a0, a2, (a1)  a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=0xffffffffffffffff:8
amomin.d a0, a2, (a1)      a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0x8000000000000000:8
amomin.d.aq a0, a2, (a1)   a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000000:8
amomin.d.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0x5a:8
amomin.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=0xffffffffffffffff:8
amomax.d a0, a2, (a1)      a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0xffffffffffffffff:8
amomax.d.aq a0, a2, (a1)   a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=1:8
amomax.d.rl a0, a2, (a1)   a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0xff:8
amomax.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=1:8
amominu.d a0, a2, (a1)     a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0x8000000000000000:8
amominu.d.aq a0, a2, (a1)  a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=1:8
amominu.d.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0x5a:8
amominu.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=1:8
amomaxu.d a0, a2, (a1)     a1=@buf a2=0xffffffffffffffff [@buf]=0x8000000000000000:8 => a0=0x8000000000000000 [@buf]=0xffffffffffffffff:8
amomaxu.d.aq a0, a2, (a1)  a1=@buf a2=0x8000000000000000 [@buf]=1:8             => a0=1 [@buf]=0x8000000000000000:8
amomaxu.d.rl a0, a2, (a1)  a1=@buf a2=0xff [@buf]=0x5a:8                        => a0=0x5a [@buf]=0xff:8
amomaxu.d.aqrl a0, a2, (a1) a1=@buf a2=1 [@buf]=0xffffffffffffffff:8             => a0=0xffffffffffffffff [@buf]=0xffffffffffffffff:8
amoadd.d a0, a0, (a1)      a1=@buf a0=1 [@buf]=41:8                             => a0=41 [@buf]=42:8           # rd = rs2
amoswap.d a1, zero, (a1)   a1=@buf [@buf]=7:8                                   => a1=7 [@buf]=0:8             # rd = rs1
amoor.d zero, a2, (a1)     a1=@buf a2=4 [@buf]=3:8                              => [@buf]=7:8
amoadd.d a0, a2, (a1)      a1=@buf+7                                            => trap=misaligned tval=@buf+7
amoadd.d a0, a2, (a1)      a1=64                                                => trap=access tval=64
amocas.d a0, a2, (a1)      a1=@buf a0=0x8000000000000001 a2=7 [@buf]=0x8000000000000001:8 => a0=0x8000000000000001 [@buf]=7:8 # equal
amocas.d a0, a2, (a1)      a1=@buf a0=1 a2=7 [@buf]=0x8000000000000001:8        => a0=0x8000000000000001       # not equal
amocas.d.aqrl a0, a2, (a1) a1=@buf+2                                            => trap=misaligned tval=@buf+2
amoswap.w a0, a2, (a1)     a1=@buf+4 a2=0x1122334455667788 [@buf]=-1:8          => a0=-1 [@buf+4]=0x55667788:4
amocas.w a0, a2, (a1)      a1=@buf a0=0x500000001 a2=7 [@buf]=1:4               => a0=1 [@buf]=7:4             # low word compared
amocas.q a0, a2, (a4)      a4=@buf+16 a0=1 a1=2 a2=3 a3=4 [@buf+16]=1:8 [@buf+24]=2:8 => [@buf+16]=3:8 [@buf+24]=4:8
amocas.q a0, a2, (a4)      a4=@buf+16 a0=1 a1=9 a2=3 a3=4 [@buf+16]=1:8 [@buf+24]=2:8 => a0=1 a1=2
amocas.q a0, a2, (a4)      a4=@buf+8                                            => trap=misaligned tval=@buf+8
amocas.q zero, zero, (a4)  a4=@buf ra=5                                         =>                             # pair x0 reads as zero and is not written
wrs.nto                                                                         =>
wrs.sto                                                                         =>
