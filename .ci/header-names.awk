# Prints each name that a public header defines outside tn_ and TN_. Reads code without comments.
function complain(what) { print file ":" FNR ": " what }

function check_tags(line,    tag) {
    while (match(line, /(struct|union|enum)[ \t]+[A-Za-z_][A-Za-z0-9_]*/)) {
        tag = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (tag !~ /^(struct|union|enum)[ \t]+tn_/) complain(tag " does not begin with tn_")
    }
}

function check_enumerators(line,    parts, i, count) {
    count = split(line, parts, ",")
    for (i = 1; i <= count; i++) {
        sub(/^.*{/, "", parts[i])
        sub(/^[ \t]+/, "", parts[i])
        if (parts[i] ~ /^[A-Za-z_][A-Za-z0-9_]*[ \t]*(=.*|}.*)?$/ && parts[i] !~ /^TN_/)
            complain("enumerator " parts[i] " does not begin with TN_")
    }
}

/^[ \t]*#[ \t]*define/ {
    name = $0
    sub(/^[ \t]*#[ \t]*define[ \t]+/, "", name)
    sub(/[^A-Za-z0-9_].*$/, "", name)
    # X is the one short-lived macro: what a TN_…_TABLE is expanded with.
    if (name !~ /^(TN_|TENOR_|X$)/) complain("macro " name " does not begin with TN_")
    in_define = ($0 ~ /\\$/)
    next
}
in_define { in_define = ($0 ~ /\\$/); next }
/^[ \t]*#/ { next }

{ check_tags($0) }

/typedef/ {
    if ($0 ~ /typedef[ \t]+(struct|union|enum)/) complain("a typedef hides a struct, union or enum")
    if ($0 !~ /[^A-Za-z0-9_]tn_[a-z0-9_]+;/ && $0 !~ /\(\*tn_/)
        complain("typedef of a name that does not begin with tn_")
}

/static inline/ {
    name = $0
    sub(/\(.*$/, "", name)
    sub(/^.*[^A-Za-z0-9_]/, "", name)
    if (name !~ /^tn_/) complain("inline function " name " does not begin with tn_")
}

/enum[ \t]+[A-Za-z0-9_]*[ \t]*{/ { in_enum = 1 }
in_enum { check_enumerators($0) }
in_enum && /}/ { in_enum = 0 }
