fadd.d fa0, fa1, fa2
fclass.d a0, fa1
fcvt.d.h fa0, fa1
fcvt.d.l fa0, a1
fcvt.d.lu fa0, a1
fcvt.d.s fa0, fa1
fcvt.d.w fa0, a1
fcvt.d.wu fa0, a1
fcvt.h.d fa0, fa1
fcvt.h.s fa0, fa1
fcvt.l.d a0, fa1
fcvt.lu.d a0, fa1
fcvt.s.d fa0, fa1
fcvt.s.h fa0, fa1
fcvt.w.d a0, fa1
fcvt.wu.d a0, fa1
fcvtmod.w.d a0, fa1, rtz
fdiv.d fa0, fa1, fa2
feq.d a0, fa1, fa2
fld fa0, 0(a1)
fle.d a0, fa1, fa2
fleq.d a0, fa1, fa2
flh fa0, 2(a1)
fli.d fa0, -1
flt.d a0, fa1, fa2
fltq.d a0, fa1, fa2
fmadd.d fa0, fa1, fa2, fa3
fmax.d fa0, fa1, fa2
fmaxm.d fa0, fa1, fa2
fmin.d fa0, fa1, fa2
fminm.d fa0, fa1, fa2
fmsub.d fa0, fa1, fa1, fa2
fmul.d fa0, fa1, fa2
fmv.d.x fa0, a1
fmv.h.x fa0, a1
fmv.x.d a0, fa1
fmv.x.h a0, fa1
fnmadd.d fa0, fa1, fa2, fa3
fnmsub.d fa0, fa1, fa2, fa3
fround.d fa0, fa1
froundnx.d fa0, fa1
fsd fa0, -4(a1)
fsgnj.d fa0, fa1, fa1
fsgnjn.d fa0, fa1, fa1
fsgnjx.d fa0, fa1, fa1
fsh fa0, 2(a1)
fsqrt.d fa0, fa1
fsub.d fa0, fa1, fa2
