fadd.s fa0, fa1, fa2
fclass.s a0, fa1
fcvt.l.s a0, fa1
fcvt.lu.s a0, fa1
fcvt.s.l fa0, a1
fcvt.s.lu fa0, a1
fcvt.s.w fa0, a1
fcvt.s.wu fa0, a1
fcvt.w.s a0, fa1
fcvt.wu.s a0, fa1
fdiv.s fa0, fa1, fa2
feq.s a0, fa1, fa2
fle.s a0, fa1, fa2
fleq.s a0, fa1, fa2
fli.s fa0, -1
flt.s a0, fa1, fa2
fltq.s a0, fa1, fa2
flw fa0, 0(a1)
fmadd.s fa0, fa1, fa2, fa3
fmax.s fa0, fa1, fa2
fmaxm.s fa0, fa1, fa2
fmin.s fa0, fa1, fa2
fminm.s fa0, fa1, fa2
fmsub.s fa0, fa1, fa1, fa2
fmul.s fa0, fa1, fa2
fmv.w.x fa0, a1
fmv.x.w a0, fa1
fnmadd.s fa0, fa1, fa2, fa3
fnmsub.s fa0, fa1, fa2, fa3
fround.s fa0, fa1
froundnx.s fa0, fa1
fsgnj.s fa0, fa1, fa1
fsgnjn.s fa0, fa1, fa1
fsgnjx.s fa0, fa1, fa1
fsqrt.s fa0, fa1
fsub.s fa0, fa1, fa2
fsw fa0, -4(a1)
