#!/bin/sh
# The order of the layers: a directory under src/ includes only itself and what stands before it; some libraries'
# headers have one home; the program sees the public headers only, and base/nearest.h.
set -u
top=${top_srcdir:-$(dirname "$0")/..}
cd "$top/src" || exit 99
order="base sys kern nn route tok sense data task model file train recipe plugin api"
failed=0

complain() { echo "$*"; failed=1; }

# Beside the order: tok and data, sense and data, don't know each other.
forbidden() {
    case $1:$2 in
    data:tok | data:sense) return 0 ;;
    *) return 1 ;;
    esac
}

place() {
    n=0
    for layer in $order; do
        [ "$layer" = "$1" ] && { echo $n; return; }
        n=$((n + 1))
    done
    echo none
}

check_layer() {                                 # check_layer LAYER
    mine=$(place "$1")
    grep -Hn '^ *# *include *"[a-z]*/' "$1"/*.[ch] 2> /dev/null | sed 's/^\([^:]*:[0-9]*\):.*"\([a-z]*\)\/.*/\1 \2/' |
    while read -r where other; do
        [ "$other" = pathways ] && continue
        theirs=$(place "$other")
        if [ "$theirs" = none ] || [ "$theirs" -gt "$mine" ] || forbidden "$1" "$other"; then
            echo "src/$where: $1 includes $other"
        fi
    done
}

only_in() {                                     # only_in LAYERS HEADERS-PATTERN
    for found in $(grep -rlE "^ *# *include *[<\"]($2)[>\"]" . 2> /dev/null | sed 's|^\./||'); do
        case " $1 " in
        *" ${found%%/*} "*) ;;
        *) complain "src/$found includes one of $2, whose place is $1" ;;
        esac
    done
}

for layer in $order; do
    wrong=$(check_layer "$layer")
    [ -z "$wrong" ] || complain "$wrong"
done
for folder in */; do
    folder=${folder%/}
    case " $order media onednn cli mpi " in
    *" $folder "*) ;;
    *) complain "src/$folder has no place in the order of layers" ;;
    esac
done
only_in plugin 'ffi\.h'
only_in media 'png\.h|jpeglib\.h|jerror\.h|sndfile\.h|libav[a-z]*/.*'
only_in kern 'cblas\.h'
only_in onednn '.*dnnl\.h(pp)?'
only_in base 'yaml\.h'
only_in base 'sodium\.h'
only_in mpi 'mpi\.h'

# A source that no files.mk names is not built.
for source in */*.c */*.h; do
    grep -q "src/$source\( \|\$\|\\\\\)" */files.mk || complain "src/$source is in no files.mk"
done

wrong=$(grep -Hn '^ *# *include *"' cli/*.[ch] 2> /dev/null | grep -vE '"(cli|config|\.\./base/nearest)\.h"')
[ -z "$wrong" ] || complain "src/$wrong
the program sees the public headers only"
wrong=$(grep -Hn '^ *# *include *"' media/*.[ch] 2> /dev/null | grep -vE '"(media/[a-z_]*|config)\.h"')
[ -z "$wrong" ] || complain "src/$wrong
libpathways-media sees the public headers only"
exit $failed
