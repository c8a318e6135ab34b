# Zbkb: its own rows; what it shares with Zbb is in rv64b.t.
pack a0, a1, a2            a1=0x1122334455667788 a2=0x99aabbccddeeff00          => a0=0xddeeff0055667788
pack a0, a1, zero          a1=0xffffffffffffffff                                => a0=0xffffffff
pack a0, zero, a2          a2=0x80000000                                        => a0=0x8000000000000000
pack a0, a0, a0            a0=0x123456789                                       => a0=0x2345678923456789
packh a0, a1, a2           a1=0x1122334455667788 a2=0x99aabbccddeeff81          => a0=0x8188
packh a0, a1, a2           a1=0xffffffffffffff00 a2=0xffffffffffffffff          => a0=0xff00
packw a0, a1, a2           a1=0x1122334455667788 a2=0x99aabbccddee7f00          => a0=0x7f007788
packw a0, a1, a2           a1=0xffffffffffff0001 a2=0x8000                      => a0=0xffffffff80000001
zext.h a0, a1              a1=0xffffffffffff8001                                => a0=0x8001                 # packw with x0
brev8 a0, a1               a1=0x0102040810204080                                => a0=0x8040201008040201
brev8 a0, a1               a1=0xff00f00f12345678                                => a0=0xff000ff0482c6a1e
brev8 a0, zero                                                                  => a0=0
