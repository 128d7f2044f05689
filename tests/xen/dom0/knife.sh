#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# In svnet-xl's place ($SVNET_XL): is svnet-xl ($KNIFE_XL), but for the calls that the lines of $KNIFE/steps
# name, one after the other, "OPERATION PLACE". PLACE is when it is killed:
#
#	begin	before it has done anything
#	end	when all is done, and nobody has been told
#	made	Xen has the domain that it makes
#	script	the domain's first device is being set up, or taken down
#	still	a domain stands still
#	saved	that one goes on
#	WORD	it has a child with this word in its command line
#
# and these are something else, while a domain stands still: saver (only the process that saves its memory is
# killed), hangs (it is stopped), alone (it is killed, and the agent is). A line that was done goes to
# $KNIFE/done; when the place never came, it stays for the next call.
case $1 in
online | offline)
	[ "$(cat "$KNIFE/script" 2>/dev/null)" != $PPID ] || kill -9 $PPID
	exec "$KNIFE_XL" "$@"
	;;
call) ;;
*) exec "$KNIFE_XL" "$@" ;;
esac
# Opened anew: its place in the request stays where it is.
read -r request </proc/self/fd/0
read -r op place <"$KNIFE/steps"
[[ $request == *"\"op\":\"$op\""* ]] || exec "$KNIFE_XL" "$@"

stands_still() {
	xl list | awk 'NR > 2 && $5 ~ /s/ { found = 1 } END { exit !found }'
}
goes_on() {
	! stands_still
}
# The last UUID of a request is that of the domain that is to be.
made() {
	local uuid=${request##*\"uuid\":\"}
	xenstore-exists "/vm/${uuid%%\"*}"
}
has_child() {
	pgrep -P $xl -f -- "$1" >/dev/null
}
# Whatever it waits for, it does not outlive the helper.
until_true() {
	until "$@"; do
		[ -e /proc/$xl ] || return 1
		sleep 0.01
	done
}
did() {
	sed -i 1d "$KNIFE/steps"
	echo "$op $place" >>"$KNIFE/done"
}
die() {
	did
	kill -9 "$xl" $$
}

[ "$place" != begin ] || xl=$$ die
if [ "$place" = end ]; then
	"$KNIFE_XL" "$@" <&0 >/dev/null
	xl=$$ die
fi
"$KNIFE_XL" "$@" <&0 &
xl=$!
# Who saves is in a hurry.
renice -n -18 -p $$ >/dev/null
case $place in
made) until_true made && die ;;
script)
	echo $xl >"$KNIFE/script"
	wait $xl
	[ $? != 137 ] || die
	;;
still) until_true stands_still && die ;;
saved) until_true stands_still && until_true goes_on && die ;;
saver) until_true stands_still && pkill -9 -P $xl -f save-helper && did ;;
hangs) until_true stands_still && kill -STOP $xl && did ;;
alone) until_true stands_still && kill -9 $PPID && die ;;
*) until_true has_child "$place" && die ;;
esac
wait $xl
