#!/bin/sh
# A stand-in for `ssh`: writes down how it was called beside its identity file, and behaves as the
# first line of that file says.
for argument; do
    case $argument in
    IdentityFile=*) key=${argument#IdentityFile=\"} key=${key%\"} ;;
    esac
    command=$argument
done
key=$(printf %s "$key" | sed 's/%%/%/g')
printf '%s\n' "$@" >"$key.arguments"
env >"$key.environment"
case $(head -n 1 "$key") in
honest) exec sh -c "$command" ;;
silent) exec sleep 600 ;;
trickle) printf 0fff && while printf x; do sleep 0.05; done ;;
denied) echo 'git@h.example: Permission denied (publickey).' >&2 && exit 255 ;;
stranger) echo 'Host key verification failed.' >&2 && exit 255 ;;
nobody) echo 'ssh: connect to host 127.0.0.1 port 22: Connection refused' >&2 && exit 255 ;;
absent) echo 'fatal: no such repository' >&2 && exit 128 ;;
cut) sh -c "$command" </dev/null 2>&1 | dd bs=1 count=60 2>/dev/null ;;
half) sh -c "$command" | dd bs=1 count=700 2>/dev/null ;;
esac
