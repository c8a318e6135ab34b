add a0, a0, a0
addi a0, a1, -1
addiw a0, a1, -1
addw a0, a1, a2
and a0, a1, a2
andi a0, a1, -2048
auipc a0, 0x1
beq a1, a2, .+4094
bge a1, a2, .-16
bgeu a1, a2, .-16
blt a1, a2, .-16
bltu a1, a2, .-16
bne a1, a2, .-16
ebreak
ecall
fence 0, 0
fence.i
fence.tso
jal ra, .+2048
jalr a0, 0(a0)
lb a0, -1(a1)
lbu a0, -1(a1)
ld a0, -1(a1)
lh a0, -1(a1)
lhu a0, -1(a1)
lui a0, 0x12345
lw a0, -1(a1)
lwu a0, -1(a1)
or a0, a1, a2
ori a0, a1, -2048
sb a0, -3(a1)
sd a0, -3(a1)
sh a0, -3(a1)
sll a0, a1, a2
slli a0, a1, 0x0
slliw a0, a1, 0x0
sllw a0, a1, a2
slt a0, a1, a2
slti a0, a1, -2048
sltiu a0, a1, -1
sltu a0, a1, a2
sra a0, a1, a2
srai a0, a1, 0x1
sraiw a0, a1, 0x0
sraw a0, a1, a2
srl a0, a1, a2
srli a0, a1, 0x0
srliw a0, a1, 0x0
srlw a0, a1, a2
sub a0, a1, a2
subw a0, a1, a2
sw a0, -3(a1)
xor a0, a1, a2
xori a0, a1, -1
