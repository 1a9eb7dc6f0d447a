# Doxygen's filter for status.h: writes out the enum that the compiler makes of the list, one documented line a
# code, because doxygen cannot document what a macro expands to.
/^ +X\(/ { item = "" }
/^ +(X\(|")/ {
    # An item whose text is too long stands on two lines.
    item = item $0
    if (match(item, /".*"/)) {
        text = substr(item, RSTART + 1, RLENGTH - 2)
        sub(/^ +X\(/, "", item)
        split(item, part, /, */)
        codes = codes sprintf("    BLITZDB_%s = %s, /**< %s */\n", part[1], part[2], text)
    }
}
/BLITZDB_ENUM/ {
    if ($1 == "BLITZDB_STATUS_LIST(BLITZDB_ENUM)")
        printf "%s", codes
    next
}
{ print }
