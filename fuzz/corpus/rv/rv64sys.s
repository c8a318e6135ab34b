cbo.clean (a0)
cbo.flush (a0)
cbo.inval (a0)
cbo.zero (a0)
csrrc a0, fflags, a1
csrrci a0, fcsr, 31
csrrs a0, 0x300, zero
csrrsi a0, fcsr, 4
csrrw a0, cycle, a1
csrrwi a0, frm, 2
prefetch.i -32(a0)
prefetch.r -32(a0)
prefetch.w -32(a0)
