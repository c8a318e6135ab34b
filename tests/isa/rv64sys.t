# Zicsr, Zicntr, Zicbom, Zicbop, Zicboz.
csrrs a0, fcsr, zero       frm=3 fflags=17                                      => a0=0x71
csrrw a0, fcsr, a1         frm=3 fflags=17 a1=-1                                => a0=0x71 frm=7 fflags=31
csrrw zero, fcsr, zero     frm=3 fflags=17                                      => frm=0 fflags=0
csrrs a0, frm, a1          frm=1 a1=0xe                                         => a0=1 frm=7
csrrc a0, frm, a1          frm=5 a1=4                                           => a0=5 frm=1
csrrs a0, fflags, a0       fflags=1 a0=0x102                                    => a0=1 fflags=3
csrrc a0, fflags, a1       fflags=31 a1=3                                       => a0=31 fflags=28
csrrwi a0, frm, 2          frm=4                                                => a0=4 frm=2
csrrwi zero, fflags, 31                                                         => fflags=31
csrrsi a0, fcsr, 4         frm=1                                                => a0=0x20 frm=1 fflags=4
csrrci a0, fcsr, 31        frm=1 fflags=9                                       => a0=0x29 fflags=0
csrrci a0, fflags, 0       fflags=9                                             => a0=9
csrrw a0, cycle, a1        a0=1                                                 => trap=illegal tval=0xc0059573
csrrs a0, time, a1         a0=1                                                 => trap=illegal tval=0xc015a573 # a write even if the value is zero
csrrsi zero, instret, 1                                                         => trap=illegal tval=0xc020e073
csrrs a0, 0x300, zero                                                           => trap=illegal tval=0x30002573
csrrs zero, time, zero                                                          =>
cbo.zero (a0)              a0=@buf+70 [@buf+64]=1:8 [@buf+120]=2:8 [@buf+63]=3:1 [@buf+128]=4:8 => [@buf+64]=0:8 [@buf+120]=0:8
cbo.zero (a0)              a0=70                                                => trap=access tval=64
cbo.clean (a0)             a0=7                                                 =>
cbo.flush (a0)             a0=7                                                 =>
cbo.inval (a0)                                                                  => trap=illegal tval=0x5200f
prefetch.i -32(a0)                                                              =>
prefetch.r -32(a0)                                                              =>
prefetch.w -32(a0)                                                              =>
