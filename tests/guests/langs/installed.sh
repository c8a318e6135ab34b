#!/bin/bash
# installed.sh WHERE [REGEX] - the test programs that Debian packages: one line for each with its exit status and its counts
# of TAP lines.  WHERE is a folder of /usr/share/installed-tests, whose *.test files say what to execute, or any folder of
# programs.  In the environment: NOT, a regular expression of tests to leave out; EACH, the seconds for each.
set -u
dir=$1 only=${2:-.}
meta=/usr/share/installed-tests/$dir
list() {
    if [ -d "$meta" ]; then
        find "$meta" -name '*.test' | sort | while read -r f; do
            printf '%s\t%s\n' "${f#"$meta"/}" "$(sed -n 's/^Exec=//p' "$f" | head -n 1)"
        done
    else
        find "$dir" -maxdepth 1 -type f -perm -100 | sort | while read -r f; do
            printf '%s\t%s\n' "${f##*/}" "$f"
        done
    fi
}
export XDG_RUNTIME_DIR=$PWD/run HOME=$PWD SYSTEMD_LOG_LEVEL=err
mkdir -p run && chmod 700 run
# what maintainer scripts make when these packages are installed
[ -s /etc/machine-id ] || dbus-uuidgen --ensure=/etc/machine-id 2>/dev/null
case $dir in glib | gdk-pixbuf) update-mime-database /usr/share/mime 2>/dev/null ;; esac
for query in /usr/lib/*/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders; do
    [ "$dir" != gdk-pixbuf ] || "$query" --update-cache
done
here=$PWD
list | while IFS=$'\t' read -r name command; do
    [[ $name =~ $only ]] || continue
    [[ -z ${NOT:-} || ! $name =~ $NOT ]] || continue
    mkdir -p "$here/x" && cd "$here/x" || exit 1
    timeout -k 1 "${EACH:-60}" bash -c "$command" </dev/null >"$here/log" 2>&1
    status=$?
    printf '%s status %d ok %d not %d\n' "$name" "$status" "$(grep -ac '^ *ok ' "$here/log")" "$(grep -ac '^ *not ok ' "$here/log")"
    case $status in 0 | 77) ;; *) sed "s/^/$name: /" "$here/log" | tail -n 20 >&2 ;; esac
    cd "$here" && rm -rf x
done
