# C, Zcb and hints.
c.addi4spn s0, sp, 1020    sp=4                                                 => s0=1024
c.fld fs0, 248(s0)         s0=@buf-8 [@buf+240]=0x123456789:8                   => fs0=0x123456789
c.lw a0, 124(a1)           a1=@buf [@buf+124]=0x80000000:4                      => a0=0xffffffff80000000
c.ld a0, 8(a1)             a1=@buf [@buf+8]=-2:8                                => a0=-2
c.fsd fs0, 16(s0)          s0=@buf fs0=1.5d                                     => [@buf+16]=0x3ff8000000000000:8
c.sw a0, 4(a1)             a1=@buf a0=-1                                        => [@buf+4]=0xffffffff:4
c.sd a0, 0(a1)             a1=@buf a0=-1                                        => [@buf]=-1:8
c.sd a0, 0(a1)             a1=8                                                 => trap=access tval=8
c.nop                                                                           =>
c.addi a0, -32             a0=1                                                 => a0=-31
c.addi zero, 5                                                                  =>                             # a hint
c.addiw a0, 1              a0=0x7fffffff                                        => a0=0xffffffff80000000
c.addiw a0, 0              a0=0x180000000                                       => a0=0xffffffff80000000       # sext.w
c.li a0, -32                                                                    => a0=-32
c.li zero, 3                                                                    =>
c.addi16sp sp, -512        sp=512                                               => sp=0
c.addi16sp sp, 496                                                              => sp=496
c.lui a0, 0xfffe0                                                               => a0=0xfffffffffffe0000
c.lui a0, 0x1f                                                                  => a0=0x1f000
c.srli s0, 63              s0=-1                                                => s0=1
c.srai s0, 63              s0=0x8000000000000000                                => s0=-1
c.andi s0, -2              s0=7                                                 => s0=6
c.sub s0, s1               s0=1 s1=2                                            => s0=-1
c.xor s0, s1               s0=5 s1=3                                            => s0=6
c.or s0, s1                s0=5 s1=3                                            => s0=7
c.and s0, s1               s0=5 s1=3                                            => s0=1
c.subw s0, s1              s0=0 s1=0x80000000                                   => s0=0xffffffff80000000
c.addw s0, s1              s0=0x7fffffff s1=1                                   => s0=0xffffffff80000000
c.j .-2048                                                                      => pc=@pc-2048
c.j .+2046                                                                      => pc=@pc+2046
c.beqz s0, .-256                                                                => pc=@pc-256
c.beqz s0, .+254           s0=1                                                 =>
c.bnez s0, .+254           s0=1                                                 => pc=@pc+254
c.bnez s0, .-256                                                                =>
c.slli a0, 63              a0=1                                                 => a0=0x8000000000000000
c.fldsp fa0, 504(sp)       sp=@buf-504 [@buf]=5:8                               => fa0=5
c.lwsp ra, 252(sp)         sp=@buf [@buf+252]=0x80000000:4                      => ra=0xffffffff80000000
c.ldsp ra, 504(sp)         sp=@buf-500 [@buf+4]=0x1234:8                        => ra=0x1234
c.ldsp sp, 8(sp)           sp=@buf [@buf+8]=77:8                                => sp=77
c.jr a0                    a0=0x20001                                           => pc=0x20000
c.jalr ra                  ra=0x20000                                           => ra=@pc+2 pc=0x20000
c.mv a0, a1                a1=-1                                                => a0=-1
c.mv zero, a1              a1=3                                                 =>
c.ebreak                                                                        => trap=break tval=@pc
c.add a0, a1               a0=-1 a1=1                                           => a0=0
c.add zero, a1             a1=1                                                 =>
c.fsdsp fa0, 8(sp)         sp=@buf fa0=7                                        => [@buf+8]=7:8
c.swsp a0, 12(sp)          sp=@buf a0=0x1122334455667788                        => [@buf+12]=0x55667788:4
c.sdsp a0, 504(sp)         sp=@buf-504 a0=9                                     => [@buf]=9:8
c.lbu a0, 3(a1)            a1=@buf [@buf+3]=0x80:1                              => a0=0x80
c.lhu a0, 2(a1)            a1=@buf [@buf+2]=0x8001:2                            => a0=0x8001
c.lh a0, 2(a1)             a1=@buf [@buf+2]=0x8001:2                            => a0=0xffffffffffff8001
c.sb a0, 1(a1)             a1=@buf a0=-1                                        => [@buf+1]=0xff:1
c.sh a0, 2(a1)             a1=@buf a0=-1                                        => [@buf+2]=0xffff:2
c.zext.b a0                a0=0x112233448566f788                                => a0=0x88
c.sext.b a0                a0=0x112233448566f788                                => a0=0xffffffffffffff88
c.zext.h a0                a0=0x112233448566f788                                => a0=0xf788
c.sext.h a0                a0=0x112233448566f788                                => a0=0xfffffffffffff788
c.zext.w a0                a0=0x112233448566f788                                => a0=0x8566f788
c.not a0                   a0=0x112233448566f788                                => a0=0xeeddccbb7a990877
c.mul a0, a1               a0=-3 a1=5                                           => a0=-15
ntl.p1                                                                          =>
c.ntl.p1                                                                        =>
ntl.pall                                                                        =>
c.ntl.pall                                                                      =>
ntl.s1                                                                          =>
c.ntl.s1                                                                        =>
ntl.all                                                                         =>
c.ntl.all                                                                       =>
pause                                                                           =>
