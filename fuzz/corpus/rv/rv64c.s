c.add a0, a1
c.addi a0, -32
c.addi16sp sp, -512
c.addi4spn s0, sp, 1020
c.addiw a0, 0
c.addw s0, s1
c.and s0, s1
c.andi s0, -2
c.beqz s0, .+254
c.bnez s0, .+254
c.ebreak
c.fld fs0, 248(s0)
c.fldsp fa0, 504(sp)
c.fsd fs0, 16(s0)
c.fsdsp fa0, 8(sp)
c.j .+2046
c.jalr ra
c.jr a0
c.lbu a0, 3(a1)
c.ld a0, 8(a1)
c.ldsp ra, 504(sp)
c.lh a0, 2(a1)
c.lhu a0, 2(a1)
c.li a0, -32
c.lui a0, 0x1f
c.lw a0, 124(a1)
c.lwsp ra, 252(sp)
c.mul a0, a1
c.mv a0, a1
c.nop
c.not a0
c.ntl.all
c.ntl.p1
c.ntl.pall
c.ntl.s1
c.or s0, s1
c.sb a0, 1(a1)
c.sd a0, 0(a1)
c.sdsp a0, 504(sp)
c.sext.b a0
c.sext.h a0
c.sh a0, 2(a1)
c.slli a0, 63
c.srai s0, 63
c.srli s0, 63
c.sub s0, s1
c.subw s0, s1
c.sw a0, 4(a1)
c.swsp a0, 12(sp)
c.xor s0, s1
c.zext.b a0
c.zext.h a0
c.zext.w a0
ntl.all
ntl.p1
ntl.pall
ntl.s1
pause
