#!/bin/bash
# build-package.sh [-e EMULATOR] [-f FLAGS] [-j N] [-s STEPS] [-t TESTS] MODE PACKAGE - configures, builds and tests a Debian
# source package in a chroot, and prints how many of its own tests passed, failed and were skipped.
#
#   MODE     native (amd64 root) | btv (riscv64 root, btv-run as its binfmt_misc interpreter) | qemu (the same, qemu-riscv64-static)
#   PACKAGE  one with a recipe below: libuv1 gawk zsh coreutils libsigsegv; perl ruby3.3 php8.4 sqlite3 (the packaged program under
#            the tests of its source, see there)
#   -e       the interpreter, static (default $BUILD/src/cli/btv-run, $BUILD defaulting to build; or qemu-riscv64-static)
#   -f       environment of the interpreter, for example BTV_OPTIONS=--tier=interp
#   -j       parallel jobs (default 2)
#   -s       steps to do, of "unpack build test count" (default: those not done yet, then test and count); or "shell": run the
#            commands on standard input in the chroot
#   -t       run only these tests (words, as the package's test runner takes them)
#
# `build` is `debian/rules build-arch`, so debhelper, configure, make and the compilers all run under MODE; `test` is the package's
# test suite run by hand, since Debian switches some of them off and hides others' results.  One line for each test goes to
# $BTV_PACKAGES/MODE/PACKAGE/results, so `diff` of two of these files is the comparison:
#
#   diff /tmp/btv-packages/{native,btv}/coreutils/results
#
# BTV_PACKAGES (default /tmp/btv-packages) holds roots (2.2 GB), sources and work.  Everything runs in user, mount, process, network
# and IPC namespaces as user 1000.  Needs root, since that user has to exist beside root in the user namespace.
# Exit 77 with the reason when something needed is missing; 1 when a test failed.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
top=${BTV_PACKAGES:-/tmp/btv-packages}
base_packages=(base-files base-passwd bash bsdutils bsdextrautils coreutils dash debianutils diffutils dpkg dpkg-dev findutils grep gzip
    hostname libc-bin ncurses-base ncurses-bin perl sed sysvinit-utils tar util-linux build-essential debhelper dh-autoreconf
    autotools-dev autopoint gettext bison file procps python3 tzdata login passwd patch bzip2 xz-utils mawk strace)
needed_packages=(locales-all cmake dh-exec netbase pkgconf libmpfr-dev libreadline-dev libsigsegv-dev groff libcap-dev libelf-dev
    libgdbm-dev libncurses-dev libpcre2-dev texinfo libattr1-dev libacl1-dev attr acl libselinux1-dev gperf libgmp-dev libssl-dev
    libsystemd-dev ruby php-cli php-mbstring tcl8.6-dev)

# -- recipes: how each package's tests run, and how their output becomes lines "PASS|FAIL|SKIP|XFAIL|ERROR test" ------------------------
# test_PACKAGE runs in the chroot in the package's folder, with the words of -t; count_PACKAGE runs outside, there too.
# build_PACKAGE, if there is one, takes the place of debian/rules.
# check_PACKAGE=yes: the build has to know that tests will be wanted, so it cannot be told nocheck; debian/rules must not run them itself.
# shellcheck disable=SC2034  # read as check_$package
check_libuv1=yes
test_libuv1() {
    export UV_TEST_TIMEOUT_MULTIPLIER=5
    local name runner
    runner=$(echo obj-*/uv_run_tests)
    if [ $# -eq 0 ]; then
        "$runner"
    else
        for name in "$@"; do "$runner" "$name" "$name"; done
    fi
}
count_libuv1() {
    sed -nE 's/^not ok [0-9]+ - ([a-z0-9_]+).*/FAIL \1/p; s/^ok [0-9]+ - ([a-z0-9_]+) # SKIP.*/SKIP \1/p; t; s/^ok [0-9]+ - ([a-z0-9_]+).*/PASS \1/p' ../log.test
}
test_gawk() {
    make -k -C test "${@:-check}"
}
count_gawk() {
    # a test's name is a line; what failed leaves _name
    sed -nE '/^[A-Za-z][A-Za-z0-9_-]+$/p' ../log.test | sort -u | while read -r name; do
        if [ -e "test/_$name" ]; then echo "FAIL $name"; else echo "PASS $name"; fi
    done
    for f in test/_*; do
        [ -e "$f" ] && ! grep -qx "${f#test/_}" ../log.test && echo "FAIL ${f#test/_}"
    done
}
test_zsh() {
    HOME=$PWD/obj/testhome make -k -C obj/Test check ${1:+TESTNUM="$*"}
}
count_zsh() {
    sed -nE 's|^([^ ]*/)?([A-Z][0-9]+[a-z0-9_-]*\.ztst): all tests successful.*|PASS \2|p; s|^([^ ]*/)?([A-Z][0-9]+[a-z0-9_-]*\.ztst): skipped.*|SKIP \2|p
        s|^([^ ]*/)?([A-Z][0-9]+[a-z0-9_-]*\.ztst): test failed.*|FAIL \2|p' ../log.test
}
# automake's parallel test harness leaves one .trs file for each test
count_automake() {
    local f name
    find . -name '*.trs' | while read -r f; do
        name=${f#./}
        echo "$(sed -n 's/^:test-result: \([A-Z]*\).*/\1/p' "$f" | head -n 1) ${name%.trs}"
    done
}
test_libsigsegv() {
    make -k check ${1:+TESTS="$*"}
}
count_libsigsegv() {
    count_automake
}
test_coreutils() {
    make -k -j"$JOBS" check VERBOSE=no RUN_EXPENSIVE_TESTS=no ${1:+TESTS="$*"} ${1:+SUBDIRS=.}
}
count_coreutils() {
    count_automake
}

# The next four test the interpreter that Debian packages, against the tests of its source; a build makes only what they need beside it.
# each_test LIMIT COMMAND FILE...: COMMAND for each file, between lines that count_each reads
each_test() {
    local limit=$1 command=$2 f
    shift 2
    for f in "$@"; do
        echo "=== $f"
        timeout -k 1 "$limit" bash -c "$command" - "$f" </dev/null
        echo "=== $f status $?"
    done
}
build_perl() {
    ln -sf /usr/bin/perl t/perl
    for d in /usr/lib/*/perl-base /usr/share/perl/5.* /usr/lib/*/perl/5.*; do cp -rn "$d/." lib/; done
}
test_perl() {
    local GLOBIGNORE='re/fold_grind*:re/uniprops*'
    cd t || return
    # fold_grind_* try half a million regular expressions each; uniprops* want a file that only a build of perl makes
    [ $# -gt 0 ] || set -- {base,cmd,comp,io,mro,lib,op,class,uni,re}/*.t
    # shellcheck disable=SC2016  # for the inner shell
    PERL_CORE=1 each_test 600 './perl TEST "$1"' "$@"
}
count_perl() {
    sed -nE 's/^t\/(.*[^ ]) \.+ ok$/PASS \1/p; s/^t\/(.*[^ ]) \.+ (skipped|skipping)\b.*/SKIP \1/p
        s/^t\/(.*[^ ]) \.+ ?(FAILED.*)/FAIL \1 \2/p; s/^=== (.*) status (124|137)$/FAIL \1 no end/p' ../log.test
}
build_ruby3.3() { :; }
test_ruby3.3() {
    export OPENSSL_CONF=$PWD/debian/openssl.cnf
    [ $# -gt 0 ] || set -- test/ruby/test_{alias,array,basicinstructions,bignum,call,case,clone,closure,comparable,complex,const,data,defined,dup,encoding}.rb \
        test/ruby/test_{enum,enumerator,ensure,env,eval,exception,fiber,float,fnmatch,hash,ifunless,integer,iterator,keyword,lambda,lazy_enumerator}.rb \
        test/ruby/test_{marshal,math,method,numeric,pack,pattern_matching,proc,process,rand,range,rational,regexp,signal,sprintf,string,struct}.rb \
        test/ruby/test_{symbol,thread,thread_queue,time,transcode,unicode_escape,variable,weakmap,yield}.rb test/{zlib,digest,strscan,stringio}/test_*.rb
    # shellcheck disable=SC2016
    each_test 900 'ruby test/runner.rb -v --seed=1 --excludes-dir=test/excludes/ --excludes-dir=debian/tests/excludes/any/ \
        --excludes-dir=debian/tests/excludes/autopkgtest/ --name="!/memory_leak/" "$1"' "$@"
}
count_ruby3.3() {
    awk '/^\[ *[0-9]+\/[0-9]+\] .*#test_/ && / = [0-9.]+ s/ { sub(/^\[[^]]*\] /, ""); sub(/ = [0-9.]+ s.*/, ""); at[$0] = "PASS" }
        /^ +[0-9]+\) (Failure|Error|Skipped):$/ { kind = /Skipped/ ? "SKIP" : "FAIL"; getline; sub(/ \[.*/, ""); sub(/:$/, ""); at[$0] = kind }
        /^=== .* status (124|137)$/ { at[$2 " no end"] = "FAIL" }
        END { for (t in at) print at[t], t }' ../log.test
}
build_php8.4() { :; }
test_php8.4() {
    NO_INTERACTION=1 TEST_PHP_EXECUTABLE=/usr/bin/php php run-tests.php -q --no-color --no-progress "${@:-Zend/tests}"
}
count_php8.4() {
    sed -nE 's/^(PASS|SKIP|FAIL|XFAIL|BORK|WARN|LEAK) .*\[([^]]*\.phpt)\].*/\1 \2/p' ../log.test | sed -E 's/^(BORK|WARN|LEAK)/ERROR/'
}
build_sqlite3() {
    ./configure --with-tcl="$(echo /usr/lib/*/tcl8.6)" CFLAGS=-O1 && make testfixture
}
test_sqlite3() {
    # shellcheck disable=SC2016
    each_test 7200 './testfixture "$1"' "${@:-test/veryquick.test}"
}
count_sqlite3() {
    sed -nE 's/^([A-Za-z0-9_.-]+)\.\.\. Ok$/PASS \1/p; s/^! ([^ ]+) expected:.*/FAIL \1/p; s/^=== (.*) status [^0].*/FAIL \1/p' ../log.test
}

# -- in the chroot: build-package.sh --step STEP PACKAGE [TEST...] ------------------------------------------------------------------------
if [ "${1:-}" = --step ]; then
    step=$2 package=$3
    shift 3
    cd /build/src || exit 99
    case $step in
    build)
        if declare -F "build_$package" >/dev/null; then
            "build_$package"
            exit
        fi
        check=check_$package options="parallel=$JOBS nodoc"
        if [ -n "${!check:-}" ]; then
            sed -i 's/^\(\t[ -]*\)dh_auto_test/\1: dh_auto_test/' debian/rules
        else
            options+=' nocheck'
        fi
        DEB_BUILD_OPTIONS=$options debian/rules build-arch
        ;;
    test) "test_$package" "$@" ;;
    shell) /bin/bash ;;
    esac
    exit
fi

# -- in the namespaces: build-package.sh --inside MODE ROOT WORK STEP PACKAGE [TEST...] ----------------------------------------------------
if [ "${1:-}" = --inside ]; then
    mode=$2 root=$3 work=$4
    shift 4
    mount --make-rprivate / && mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" &&
        mount --bind "$work" "$root/build" && mount --bind "$work/tmp" "$root/tmp" || exit 99
    ip link set lo up || exit 99
    echo 1000 >/proc/self/oom_score_adj # a test that eats all memory shall die first
    if [ "$mode" != native ]; then
        # ELF, 64-bit, little-endian, executable or shared, machine 243
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
            printf '%s' ':guest:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$work/.interpreter:FPC" \
                >/proc/sys/fs/binfmt_misc/register || exit 98
    fi
    # shellcheck disable=SC2086  # ENVIRONMENT is words
    # this shell stays as the namespace's first process: a change of user would take the signal away by which it dies with the script
    env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/build TMPDIR=/tmp LC_ALL=C LANG=C SHELL=/bin/bash USER=builder LOGNAME=builder \
        JOBS="$JOBS" $ENVIRONMENT chroot --userspec=1000:1000 --groups= "$root" /bin/bash /build/.script --step "$@"
    exit
fi

# -- outside --------------------------------------------------------------------------------------------------------------------------------
emu='' ENVIRONMENT='' JOBS=2 steps='' only=''
while getopts e:f:j:s:t: opt; do
    case $opt in
    e) emu=$OPTARG ;;
    f) ENVIRONMENT=$OPTARG ;;
    j) JOBS=$OPTARG ;;
    s) steps=$OPTARG ;;
    t) only=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || { sed -n '2,3p' "$0"; exit 2; }
mode=$1 package=$2
export JOBS ENVIRONMENT
refuse() {
    echo "build-package: skipped: $*"
    exit 77
}
declare -F "test_$package" >/dev/null || { echo "build-package: no recipe for $package"; exit 2; }
case $mode in
native) arch=amd64 ;;
btv) arch=riscv64 emu=${emu:-${BUILD:-build}/src/cli/btv-run} ;;
qemu) arch=riscv64 emu=${emu:-$(command -v qemu-riscv64-static)} ;;
*) exit 2 ;;
esac
[ "$mode" = native ] || [ -x "$emu" ] || refuse "no interpreter '$emu'"
for tool in ip dpkg-source unshare setsid setpriv; do
    command -v "$tool" >/dev/null || refuse "needs $tool"
done
[ "$(id -u)" = 0 ] || refuse "needs root for a second user in the user namespace"
unshare -U -r -m sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && test -w /proc/sys/fs/binfmt_misc/register' 2>/dev/null ||
    refuse "no binfmt_misc in user namespaces (Linux 6.7)"

root=$top/root/$arch work=$top/$mode/$package
mkdir -p "$top/root" "$work/tmp"
chmod 1777 "$work/tmp"
"$tests/../tools/guest-root.sh" -a "$arch" "$root" "${base_packages[@]}" "${needed_packages[@]}" || exit $?
mkdir -p "$root/build"
# what maintainer scripts and alternatives would have set up
for l in automake:automake-1.17 aclocal:aclocal-1.17 yacc:bison.yacc c++:g++ which:which.debianutils pager:more; do
    [ -e "$root/usr/bin/${l%%:*}" ] || ln -s "${l#*:}" "$root/usr/bin/${l%%:*}"
done
[ -e "$root/etc/dpkg/origins/default" ] || ln -s debian "$root/etc/dpkg/origins/default"
grep -q ^builder: "$root/etc/passwd" || echo builder:x:1000:1000::/build:/bin/bash >>"$root/etc/passwd"
grep -q ^builder: "$root/etc/group" || echo builder:x:1000: >>"$root/etc/group"
[ -s "$root/etc/hosts" ] || printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
ldconfig -r "$root" 2>/dev/null

unpack() {
    local source=$top/source/$package folder
    if [ ! -d "$source" ]; then
        local state=$root.apt conf=$top/apt-source.conf
        mkdir -p "$source.new"
        sed 's/^deb /deb-src /' "$state/sources.list" >"$top/apt-source.list"
        mkdir -p "$state/source-lists/partial"
        for o in "State \"$state\"" "State::lists \"$state/source-lists\"" "State::status \"$state/status\"" "Cache \"$state/cache\"" \
            "Etc::sourcelist \"$top/apt-source.list\"" "Etc::sourceparts \"$state/parts\"" "Etc::preferences \"/dev/null\""; do
            echo "Dir::$o;"
        done >"$conf"
        echo 'APT::Sandbox::User "root";' >>"$conf"
        (cd "$source.new" && export APT_CONFIG=$conf && apt-get -q update && apt-get -q source "$package") >"$top/apt-source.log" 2>&1 ||
            refuse "no source of $package: $(grep -m1 ^E "$top/apt-source.log"); put it unpacked into $source"
        folder=$(cd "$source.new" && echo ./*/)
        mv "$source.new/$folder" "$source" && rm -rf "$source.new"
    fi
    rm -rf "$work/src" && cp -a "$source" "$work/src" && chown -R 1000:1000 "$work/src"
}

# in_chroot STEP [TEST...]: the user namespace's ids are this machine's, which only the parent can write
in_chroot() {
    local pid child status
    rm -f "$work/.script" && cp "$0" "$work/.script"  # an earlier step may still read the old one
    [ "$mode" = native ] || { rm -f "$work/.interpreter"; cp "$emu" "$work/.interpreter"; }
    rm -f "$work/.go" "$work/.pid" && mkfifo "$work/.go" "$work/.pid"
    # shellcheck disable=SC2016  # for the inner shell
    <"${input:-/dev/null}" setsid -w unshare -U --keep-caps bash -c 'echo $$ >"$1/.pid"; read -r _ <"$1/.go"; shift
        exec setpriv --pdeathsig=KILL unshare -m -p -f -n -i --kill-child=KILL "$@"' - \
        "$work" "$(readlink -f "$0")" --inside "$mode" "$root" "$work" "$1" "$package" "${@:2}" >"$work/log.$1" 2>&1 &
    pid=$!
    read -r child <"$work/.pid"
    for f in uid_map gid_map; do echo '0 0 65536' >"/proc/$child/$f"; done
    echo go >"$work/.go"
    wait "$pid"
    status=$?
    case $status in 98 | 99) echo "build-package: the chroot could not be set up"; tail -n 3 "$work/log.$1" ;; esac
    return $status
}

if [ -z "$steps" ]; then
    steps='test count'
    [ -e "$work/built" ] || steps="build $steps"
    [ -d "$work/src" ] || steps="unpack $steps"
fi
for step in $steps; do
    start=$EPOCHSECONDS
    case $step in
    unpack) unpack || exit ;;
    build)
        in_chroot build || { echo "build-package: $package does not build, see $work/log.build"; tail -n 5 "$work/log.build"; exit 1; }
        : >"$work/built"
        ;;
    test)
        # shellcheck disable=SC2086  # words
        in_chroot test $only
        ;;
    shell)
        cat >"$work/.input"
        input=$work/.input in_chroot shell
        cat "$work/log.shell"
        ;;
    count) (cd "$work/src" && "count_$package") | LC_ALL=C sort -u >"$work/results" ;;
    esac
    [ "$step" = count ] || echo "$package $mode: $step took $((EPOCHSECONDS - start)) s"
done
[[ $steps = *count* ]] || exit 0
printf '%s %s:' "$package" "$mode"
cut -d ' ' -f 1 "$work/results" | sort | uniq -c | awk '{printf " %s %s", $1, $2}'
echo
grep -E '^(FAIL|ERROR|XPASS)' "$work/results" && exit 1
[ -s "$work/results" ]
