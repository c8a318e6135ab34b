/*
 * The signature language of sys.def, sysfields.def and sysselect.def as initialisers of struct sys_arg.
 */
#ifndef BTV_LINUX_SYSARG_H
#define BTV_LINUX_SYSARG_H

#define K1 (SYS_COUNT_CONST | 1)
#define K2 (SYS_COUNT_CONST | 2)
#define K3 (SYS_COUNT_CONST | 3)
#define K4 (SYS_COUNT_CONST | 4)

#define ARG_none {SYS_A_NONE, 0, 0}
#define ARG_int {SYS_A_INT, 0, 0}
#define ARG_uint {SYS_A_UINT, 0, 0}
#define ARG_hex {SYS_A_HEX, 0, 0}
#define ARG_size {SYS_A_SIZE, 0, 0}
#define ARG_off {SYS_A_OFF, 0, 0}
#define ARG_pid {SYS_A_PID, 0, 0}
#define ARG_uid {SYS_A_UID, 0, 0}
#define ARG_mode {SYS_A_MODE, 0, 0}
#define ARG_sig {SYS_A_SIG, 0, 0}
#define ARG_ptr {SYS_A_PTR, 0, 0}
#define ARG_fd {SYS_A_FD, 0, 0}
#define ARG_dirfd {SYS_A_DIRFD, 0, 0}
#define ARG_str {SYS_A_STR, 0, 0}
#define ARG_path {SYS_A_PATH, 0, 0}
#define ARG_lpath {SYS_A_LPATH, 0, 0}
#define ARG_npath(k) {SYS_A_NPATH, k, 0}
#define ARG_fpath(k) {SYS_A_FPATH, k, 0}
#define ARG_e(v) {SYS_A_ENUM, 0, SYS_VOCAB_##v}
#define ARG_f(v) {SYS_A_FLAGS, 0, SYS_VOCAB_##v}
#define ARG_fm(v) {SYS_A_FLAGS, SYS_SHOW_MODE, SYS_VOCAB_##v}
#define ARG_in(s) {SYS_A_IN, 0, SYS_TYPE_##s}
#define ARG_out(s) {SYS_A_OUT, 0, SYS_TYPE_##s}
#define ARG_inout(s) {SYS_A_INOUT, 0, SYS_TYPE_##s}
#define ARG_inv(s, k) {SYS_A_INV, k, SYS_TYPE_##s}
#define ARG_outv(s, k) {SYS_A_OUTV, k, SYS_TYPE_##s}
#define ARG_iov(s, k) {SYS_A_INOUTV, k, SYS_TYPE_##s}
#define ARG_inbuf(k) {SYS_A_INBUF, k, SYS_TYPE_any}
#define ARG_outbuf(k) {SYS_A_OUTBUF, k, SYS_TYPE_any}
#define ARG_insized(s, k) {SYS_A_INBUF, k, SYS_TYPE_##s}
#define ARG_outsized(s, k) {SYS_A_OUTBUF, k, SYS_TYPE_##s}
#define ARG_iniov(k) {SYS_A_INIOV, k, 0}
#define ARG_outiov(k) {SYS_A_OUTIOV, k, 0}
#define ARG_span(k) {SYS_A_SPAN, k, 0}
/* how --strace shows what is checked as another kind says */
#define ARG_left(s) {SYS_A_OUT, SYS_SHOW_INTERRUPTED, SYS_TYPE_##s}
#define ARG_waits(s) {SYS_A_INOUT, SYS_SHOW_FOUND, SYS_TYPE_##s}
#define ARG_outs(s) {SYS_A_OUT, SYS_SHOW_RESULT, SYS_TYPE_##s}
#define ARG_outaddr(k) {SYS_A_OUT, k, SYS_TYPE_sockaddr}
/* of --strace alone */
#define ARG_select(s) {SYS_A_SELECT, 0, SYS_SELECT_##s}
#define ARG_is(s) {SYS_A_STRUCT, 0, SYS_TYPE_##s}
#define ARG_are(s, k) {SYS_A_STRUCTV, k, SYS_TYPE_##s}
#define ARG_chars {SYS_A_CHARS, 0, 0}
#define ARG_raw {SYS_A_RAW, 0, 0}
#define ARG_dev {SYS_A_DEV, 0, 0}
#define ARG_limit {SYS_A_LIMIT, 0, 0}
#define ARG_net {SYS_A_NET, 0, 0}
#define ARG_nethex {SYS_A_NETHEX, 0, 0}
#define ARG_ip4 {SYS_A_IP4, 0, 0}
#define ARG_ip6 {SYS_A_IP6, 0, 0}
#define ARG_option(k) {SYS_A_OPTION, k, 0}
#define ARG_skip {SYS_A_SKIP, 0, 0}
#define ARG_nonzero {SYS_A_NONZERO, 0, 0}
#define ARG_more {SYS_A_MORE, 0, 0}

#define ARGS_1(r) ARG_##r
#define ARGS_2(r, a) ARG_##r, ARG_##a
#define ARGS_3(r, a, b) ARG_##r, ARG_##a, ARG_##b
#define ARGS_4(r, a, b, c) ARG_##r, ARG_##a, ARG_##b, ARG_##c
#define ARGS_5(r, a, b, c, d) ARG_##r, ARG_##a, ARG_##b, ARG_##c, ARG_##d
#define ARGS_6(r, a, b, c, d, e) ARG_##r, ARG_##a, ARG_##b, ARG_##c, ARG_##d, ARG_##e
#define ARGS_7(r, a, b, c, d, e, f) ARG_##r, ARG_##a, ARG_##b, ARG_##c, ARG_##d, ARG_##e, ARG_##f
#define ARGS_PICK(a, b, c, d, e, f, g, n, ...) n
#define ARGS(...) ARGS_PICK(__VA_ARGS__, ARGS_7, ARGS_6, ARGS_5, ARGS_4, ARGS_3, ARGS_2, ARGS_1, 0)(__VA_ARGS__)

#endif
