brev8 a0, a1
pack a0, a0, a0
packh a0, a1, a2
packw a0, a1, a2
zext.h a0, a1
