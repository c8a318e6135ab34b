# RV64I and Zifencei; see t_runner.c for the format.
# upper immediates and jumps
lui a0, 0x12345            a0=-1                                                => a0=0x12345000
lui a0, 0x80000                                                                 => a0=0xffffffff80000000       # sign-extended
lui zero, 0x80000                                                               =>                             # x0 stays 0
auipc a0, 0x1                                                                   => a0=@pc+0x1000
auipc a0, 0xfffff                                                               => a0=@pc-0x1000
jal ra, .+2048                                                                  => ra=@pc+4 pc=@pc+2048
jal zero, .-1048576                                                             => pc=@pc-1048576
jal t0, .+4                                                                     => t0=@pc+4 pc=@pc+4
jalr ra, 5(a0)             a0=0x20000                                           => ra=@pc+4 pc=0x20004         # bit 0 is cleared
jalr ra, -2(ra)            ra=0x20003                                           => ra=@pc+4 pc=0x20000         # target before link
jalr zero, 0(ra)           ra=0x20000                                           => pc=0x20000
jalr a0, 0(a0)             a0=-1                                                => a0=@pc+4 pc=0xfffffffffffffffe
beq a1, a2, .-16           a1=1 a2=1                                            => pc=@pc-16
beq a1, a2, .-16           a1=1 a2=0xffffffffffffffff                           =>
beq a1, a2, .-16           a1=0xffffffffffffffff a2=1                           =>
beq a1, a2, .-16           a1=0x8000000000000000 a2=0x7fffffffffffffff          =>
bne a1, a2, .-16           a1=1 a2=1                                            =>
bne a1, a2, .-16           a1=1 a2=0xffffffffffffffff                           => pc=@pc-16
bne a1, a2, .-16           a1=0xffffffffffffffff a2=1                           => pc=@pc-16
bne a1, a2, .-16           a1=0x8000000000000000 a2=0x7fffffffffffffff          => pc=@pc-16
blt a1, a2, .-16           a1=1 a2=1                                            =>
blt a1, a2, .-16           a1=1 a2=0xffffffffffffffff                           =>
blt a1, a2, .-16           a1=0xffffffffffffffff a2=1                           => pc=@pc-16
blt a1, a2, .-16           a1=0x8000000000000000 a2=0x7fffffffffffffff          => pc=@pc-16
bge a1, a2, .-16           a1=1 a2=1                                            => pc=@pc-16
bge a1, a2, .-16           a1=1 a2=0xffffffffffffffff                           => pc=@pc-16
bge a1, a2, .-16           a1=0xffffffffffffffff a2=1                           =>
bge a1, a2, .-16           a1=0x8000000000000000 a2=0x7fffffffffffffff          =>
bltu a1, a2, .-16          a1=1 a2=1                                            =>
bltu a1, a2, .-16          a1=1 a2=0xffffffffffffffff                           => pc=@pc-16
bltu a1, a2, .-16          a1=0xffffffffffffffff a2=1                           =>
bltu a1, a2, .-16          a1=0x8000000000000000 a2=0x7fffffffffffffff          =>
bgeu a1, a2, .-16          a1=1 a2=1                                            => pc=@pc-16
bgeu a1, a2, .-16          a1=1 a2=0xffffffffffffffff                           =>
bgeu a1, a2, .-16          a1=0xffffffffffffffff a2=1                           => pc=@pc-16
bgeu a1, a2, .-16          a1=0x8000000000000000 a2=0x7fffffffffffffff          => pc=@pc-16
beq a1, a2, .+4094                                                              => pc=@pc+4094
bne zero, a2, .-4096       a2=1                                                 => pc=@pc-4096
# loads and stores
lb a0, 8(a1)               a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0xffffffffffffff88
lb a0, -1(a1)              a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0xffffffffffffff88       # base is odd
lb a1, 11(a1)              a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0xffffffffffffff88       # base overwritten
lb a0, 0(zero)             a0=7                                                 => trap=access tval=0          # rd unchanged
lh a0, 8(a1)               a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0xffffffffffff8788
lh a0, -1(a1)              a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0xffffffffffff8788       # base is odd
lh a1, 11(a1)              a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0xffffffffffff8788       # base overwritten
lh a0, 0(zero)             a0=7                                                 => trap=access tval=0          # rd unchanged
lw a0, 8(a1)               a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0xffffffff85868788
lw a0, -1(a1)              a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0xffffffff85868788       # base is odd
lw a1, 11(a1)              a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0xffffffff85868788       # base overwritten
lw a0, 0(zero)             a0=7                                                 => trap=access tval=0          # rd unchanged
ld a0, 8(a1)               a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0x8182838485868788
ld a0, -1(a1)              a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0x8182838485868788       # base is odd
ld a1, 11(a1)              a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0x8182838485868788       # base overwritten
ld a0, 0(zero)             a0=7                                                 => trap=access tval=0          # rd unchanged
lbu a0, 8(a1)              a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0x88
lbu a0, -1(a1)             a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0x88                     # base is odd
lbu a1, 11(a1)             a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0x88                     # base overwritten
lbu a0, 0(zero)            a0=7                                                 => trap=access tval=0          # rd unchanged
lhu a0, 8(a1)              a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0x8788
lhu a0, -1(a1)             a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0x8788                   # base is odd
lhu a1, 11(a1)             a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0x8788                   # base overwritten
lhu a0, 0(zero)            a0=7                                                 => trap=access tval=0          # rd unchanged
lwu a0, 8(a1)              a1=@buf [@buf+8]=0x8182838485868788:8                => a0=0x85868788
lwu a0, -1(a1)             a1=@buf+9 [@buf+8]=0x8182838485868788:8              => a0=0x85868788               # base is odd
lwu a1, 11(a1)             a1=@buf-3 [@buf+8]=0x8182838485868788:8              => a1=0x85868788               # base overwritten
lwu a0, 0(zero)            a0=7                                                 => trap=access tval=0          # rd unchanged
lw a0, 5(a1)               a1=@buf [@buf+5]=0x80000001:4                        => a0=0xffffffff80000001       # misaligned
ld zero, 0(a1)             a1=@buf [@buf]=-1:8                                  =>
ld zero, 0(a1)             a1=64                                                => trap=access tval=64         # a load to x0 still faults
ld a0, -8(a1)              a1=4                                                 => trap=access tval=-4         # wraps around
sb a0, 24(a1)              a1=@buf a0=0x1122334455667788 [@buf+24]=-1:8         => [@buf+24]=0x88:1
sb a0, -3(a1)              a1=@buf+4 a0=0x1122334455667788                      => [@buf+1]=0x88:1             # misaligned
sb a0, 0(a1)               a1=16                                                => trap=access tval=16
sh a0, 24(a1)              a1=@buf a0=0x1122334455667788 [@buf+24]=-1:8         => [@buf+24]=0x7788:2
sh a0, -3(a1)              a1=@buf+4 a0=0x1122334455667788                      => [@buf+1]=0x7788:2           # misaligned
sh a0, 0(a1)               a1=16                                                => trap=access tval=16
sw a0, 24(a1)              a1=@buf a0=0x1122334455667788 [@buf+24]=-1:8         => [@buf+24]=0x55667788:4
sw a0, -3(a1)              a1=@buf+4 a0=0x1122334455667788                      => [@buf+1]=0x55667788:4       # misaligned
sw a0, 0(a1)               a1=16                                                => trap=access tval=16
sd a0, 24(a1)              a1=@buf a0=0x1122334455667788 [@buf+24]=-1:8         => [@buf+24]=0x1122334455667788:8
sd a0, -3(a1)              a1=@buf+4 a0=0x1122334455667788                      => [@buf+1]=0x1122334455667788:8 # misaligned
sd a0, 0(a1)               a1=16                                                => trap=access tval=16
sd zero, 0(a1)             a1=@buf [@buf]=-1:8                                  => [@buf]=0:8
# immediates
addi a0, a1, -1            a1=1                                                 => a0=0
addi a0, a1, 1             a1=0x7fffffffffffffff                                => a0=0x8000000000000000
addi a0, a1, -2048         a1=0                                                 => a0=0xfffffffffffff800
addi a0, a1, 2047          a1=0xffffffff                                        => a0=0x1000007fe
slti a0, a1, 0             a1=0xffffffffffffffff                                => a0=1
slti a0, a1, 0             a1=0                                                 => a0=0
slti a0, a1, -2048         a1=0x8000000000000000                                => a0=1
slti a0, a1, 2047          a1=0x7fffffffffffffff                                => a0=0
sltiu a0, a1, 1            a1=0                                                 => a0=1
sltiu a0, a1, 0            a1=0xffffffffffffffff                                => a0=0
sltiu a0, a1, -1           a1=5                                                 => a0=1
sltiu a0, a1, -1           a1=0xffffffffffffffff                                => a0=0
xori a0, a1, -1            a1=5                                                 => a0=0xfffffffffffffffa
xori a0, a1, 127           a1=0xff00                                            => a0=0xff7f
ori a0, a1, -2048          a1=5                                                 => a0=0xfffffffffffff805
ori a0, a1, 1              a1=0                                                 => a0=1
andi a0, a1, -2048         a1=0xffffffffffffffff                                => a0=0xfffffffffffff800
andi a0, a1, 255           a1=0x1ff                                             => a0=0xff
slli a0, a1, 0x3f          a1=1                                                 => a0=0x8000000000000000
slli a0, a1, 0x20          a1=0xffffffffffffffff                                => a0=0xffffffff00000000
slli a0, a1, 0x0           a1=5                                                 => a0=5
srli a0, a1, 0x3f          a1=0x8000000000000000                                => a0=1
srli a0, a1, 0x20          a1=0xffffffffffffffff                                => a0=0xffffffff
srli a0, a1, 0x0           a1=5                                                 => a0=5
srai a0, a1, 0x3f          a1=0x8000000000000000                                => a0=0xffffffffffffffff
srai a0, a1, 0x3e          a1=0x7fffffffffffffff                                => a0=1
srai a0, a1, 0x1           a1=0xfffffffffffffff8                                => a0=0xfffffffffffffffc
addiw a0, a1, 1            a1=0x7fffffff                                        => a0=0xffffffff80000000
addiw a0, a1, 0            a1=0xffffffff00000000                                => a0=0
addiw a0, a1, -1           a1=0x80000000                                        => a0=0x7fffffff
slliw a0, a1, 0x1f         a1=1                                                 => a0=0xffffffff80000000
slliw a0, a1, 0x0          a1=0x180000001                                       => a0=0xffffffff80000001
slliw a0, a1, 0x4          a1=0xffffffffffffffff                                => a0=0xfffffffffffffff0
srliw a0, a1, 0x1f         a1=0xffffffff80000000                                => a0=1
srliw a0, a1, 0x0          a1=0x180000000                                       => a0=0xffffffff80000000
sraiw a0, a1, 0x1f         a1=0x80000000                                        => a0=0xffffffffffffffff
sraiw a0, a1, 0x0          a1=0x17fffffff                                       => a0=0x7fffffff
# registers
add a0, a1, a2             a1=0x7fffffffffffffff a2=1                           => a0=0x8000000000000000
add a0, a1, a2             a1=0xffffffffffffffff a2=0xffffffffffffffff          => a0=0xfffffffffffffffe
sub a0, a1, a2             a1=0 a2=1                                            => a0=0xffffffffffffffff
sub a0, a1, a2             a1=0x8000000000000000 a2=1                           => a0=0x7fffffffffffffff
sll a0, a1, a2             a1=1 a2=0x3f                                         => a0=0x8000000000000000
sll a0, a1, a2             a1=1 a2=0x40                                         => a0=1
sll a0, a1, a2             a1=0xffffffffffffffff a2=0xffffffffffffffc1          => a0=0xfffffffffffffffe
sll a0, a1, a2             a1=0x8000000000000000 a2=0x7f                        => a0=0
sll a0, a1, a2             a1=0x12345678 a2=4                                   => a0=0x123456780
srl a0, a1, a2             a1=1 a2=0x3f                                         => a0=0
srl a0, a1, a2             a1=1 a2=0x40                                         => a0=1
srl a0, a1, a2             a1=0xffffffffffffffff a2=0xffffffffffffffc1          => a0=0x7fffffffffffffff
srl a0, a1, a2             a1=0x8000000000000000 a2=0x7f                        => a0=1
srl a0, a1, a2             a1=0x12345678 a2=4                                   => a0=0x1234567
sra a0, a1, a2             a1=1 a2=0x3f                                         => a0=0
sra a0, a1, a2             a1=1 a2=0x40                                         => a0=1
sra a0, a1, a2             a1=0xffffffffffffffff a2=0xffffffffffffffc1          => a0=0xffffffffffffffff
sra a0, a1, a2             a1=0x8000000000000000 a2=0x7f                        => a0=0xffffffffffffffff
sra a0, a1, a2             a1=0x12345678 a2=4                                   => a0=0x1234567
slt a0, a1, a2             a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=1
slt a0, a1, a2             a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=0
slt a0, a1, a2             a1=3 a2=3                                            => a0=0
slt a0, a1, a2             a1=0xffffffffffffffff a2=0                           => a0=1
sltu a0, a1, a2            a1=0x8000000000000000 a2=0x7fffffffffffffff          => a0=0
sltu a0, a1, a2            a1=0x7fffffffffffffff a2=0x8000000000000000          => a0=1
sltu a0, a1, a2            a1=3 a2=3                                            => a0=0
sltu a0, a1, a2            a1=0xffffffffffffffff a2=0                           => a0=0
xor a0, a1, a2             a1=0xff0 a2=0xf0f                                    => a0=0xff
or a0, a1, a2              a1=0xff0 a2=0xf0f                                    => a0=0xfff
and a0, a1, a2             a1=0xff0 a2=0xf0f                                    => a0=0xf00
add a0, a0, a0             a0=0x8000000000000000                                => a0=0
slti a1, a1, 2             a1=1                                                 => a1=1                        # rd = rs1
add zero, a1, a2           a1=1 a2=2                                            =>
addw a0, a1, a2            a1=0x7fffffff a2=1                                   => a0=0xffffffff80000000
addw a0, a1, a2            a1=0xffffffff80000000 a2=0xffffffffffffffff          => a0=0x7fffffff
addw a0, a1, a2            a1=0x10000000000 a2=1                                => a0=1
subw a0, a1, a2            a1=0 a2=1                                            => a0=0xffffffffffffffff
subw a0, a1, a2            a1=0x80000000 a2=1                                   => a0=0x7fffffff
subw a0, a1, a2            a1=0x100000000 a2=1                                  => a0=0xffffffffffffffff
sllw a0, a1, a2            a1=1 a2=0x1f                                         => a0=0xffffffff80000000
sllw a0, a1, a2            a1=1 a2=0x20                                         => a0=1
sllw a0, a1, a2            a1=0x180000000 a2=0x1f                               => a0=0
sllw a0, a1, a2            a1=0x7fffffff a2=0x21                                => a0=0xfffffffffffffffe
sllw a0, a1, a2            a1=0xffffffff00000001 a2=0x3f                        => a0=0xffffffff80000000
srlw a0, a1, a2            a1=1 a2=0x1f                                         => a0=0
srlw a0, a1, a2            a1=1 a2=0x20                                         => a0=1
srlw a0, a1, a2            a1=0x180000000 a2=0x1f                               => a0=1
srlw a0, a1, a2            a1=0x7fffffff a2=0x21                                => a0=0x3fffffff
srlw a0, a1, a2            a1=0xffffffff00000001 a2=0x3f                        => a0=0
sraw a0, a1, a2            a1=1 a2=0x1f                                         => a0=0
sraw a0, a1, a2            a1=1 a2=0x20                                         => a0=1
sraw a0, a1, a2            a1=0x180000000 a2=0x1f                               => a0=0xffffffffffffffff
sraw a0, a1, a2            a1=0x7fffffff a2=0x21                                => a0=0x3fffffff
sraw a0, a1, a2            a1=0xffffffff00000001 a2=0x3f                        => a0=0
# the rest
fence rw, rw                                                                    =>
fence iorw, iorw                                                                =>
fence 0, 0                                                                      =>
fence r, w                                                                      =>
fence.tso                                                                       =>
fence.i                                                                         => exit=isync
ecall                      a7=93                                                => exit=syscall
ebreak                                                                          => trap=break tval=@pc
