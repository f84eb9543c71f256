# tandem.bash - completion of tandem's command line in bash.

_tandem()
{
    local word=$2 previous=$3 command= at=1 i cut= w

    # bash splits words at "=": --expose=vd arrives as "--expose" "=" "vd".
    if [[ $word == "=" ]]; then
        word=
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    # The program that is to be run begins after "--", or at the first word that is neither option nor value; diff runs none.
    command=${COMP_WORDS[1]}
    if ((COMP_CWORD > 1)) && [[ $command != diff ]]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            w=${COMP_WORDS[i]}
            case $w in
            --)
                at=$((i + 1))
                break
                ;;
            -n | -o | -e | -s | --with | --with-cmd | --env | --expose | --report | --divergence-exit | --on-divergence | --when-full | --engine | --threads | \
                --start | --stack | --ring | --fault | --from | --to | --task | --call | --at)
                [[ ${COMP_WORDS[i + 1]-} != "=" ]] || ((i++))
                ((i++))
                # --env=NAME=VALUE
                while [[ ${COMP_WORDS[i + 1]-} == "=" ]]; do ((i += 2)); done
                ;;
            -*) ;;
            *)
                at=$i
                break
                ;;
            esac
        done
        if ((at > 1 && at <= COMP_CWORD)); then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$at"
            elif ((at == COMP_CWORD)); then
                COMPREPLY=($(compgen -c -- "$word"))
            else
                COMPREPLY=($(compgen -f -- "$word"))
            fi
            return
        fi
    fi

    COMPREPLY=()
    case $command:$previous in
    run:--expose)
        # A list: what was typed before the last comma stays.
        [[ $word != *,* ]] || cut=${word%,*},
        COMPREPLY=($(compgen -P "$cut" -W 'vdso pid tsc cpuid rand cpu auxv aslr rseq uninit threads signals shm' -- "${word##*,}"))
        return
        ;;
    replay:--expose)
        [[ $word != *,* ]] || cut=${word%,*},
        COMPREPLY=($(compgen -P "$cut" -W 'pid auxv aslr uninit' -- "${word##*,}"))
        return
        ;;
    run:--on-divergence) COMPREPLY=($(compgen -W 'drop kill stop' -- "$word")) && return ;;
    run:--when-full)     COMPREPLY=($(compgen -W 'wait drop' -- "$word")) && return ;;
    run:--engine)        COMPREPLY=($(compgen -W 'ptrace' -- "$word")) && return ;;
    run:--threads)       COMPREPLY=($(compgen -W 'serial' -- "$word")) && return ;;
    run:--start)         COMPREPLY=($(compgen -W 'exec main' -- "$word")) && return ;;
    run:--with)          COMPREPLY=($(compgen -c -- "$word")) && return ;;
    run:--report | replay:--report | trace:-o | record:-o | show:-o) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")) && return ;;
    trace:-e | show:-e | show:--call)
        cut=
        [[ $word != *,* ]] || cut=${word%,*},
        COMPREPLY=($(compgen -P "$cut" -W 'file network process memory signal time random' -- "${word##*,}"))
        return
        ;;
    run:--env) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -e -S = -- "$word")) && return ;;
    run:-n | run:--with-cmd | run:--divergence-exit | run:--stack | run:--ring | run:--fault | trace:-s | trace:--stack | trace:-p | \
        record:--stack | record:--ring | why:--ring | replay:-n | replay:--divergence-exit | replay:--at | replay:--fault | show:-s | show:--from | show:--to | show:--task | \
        diff:-C | diff:-n | diff:-s) return ;;
    esac

    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'run record replay show diff why trace doctor --help --version' -- "$word"))
        return
    fi
    case $command in
    run)
        COMPREPLY=($(compgen -W '-n -v --with= --with-cmd= --env= --expose= --report= --divergence-exit= --on-divergence= --when-full= --engine=
            --start= --stack= --ring= --threads= --chaos --fault= --stats --verbose --help --' -- "$word"))
        ;;
    record)
        COMPREPLY=($(compgen -W '-o -v --bundle --chaos --stack= --ring= --stats --verbose --help --' -- "$word"))
        ;;
    replay)
        COMPREPLY=($(compgen -W '-n -v --gdb --at= --expose= --report= --divergence-exit= --fault= --verbose --help' -- "$word"))
        [[ $word == -* ]] || { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return; }
        ;;
    show)
        COMPREPLY=($(compgen -W '-o -e -s -k -T -t -tt -ttt -c -C -v -q --from= --to= --task= --call= --all --json --chrome --help' -- "$word"))
        [[ $word == -* ]] || { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return; }
        ;;
    diff)
        COMPREPLY=($(compgen -W '-C -n -s --all --json --help' -- "$word"))
        [[ $word == -* ]] || { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return; }
        ;;
    why)
        COMPREPLY=($(compgen -W '-o -v --json --keep= --ring= --verbose --help --' -- "$word"))
        [[ $word == -* ]] || { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return; }
        ;;
    trace)
        COMPREPLY=($(compgen -W '-o -e -s -y -k -T -t -tt -ttt -c -C -f -v -q --stack= --help --' -- "$word"))
        ;;
    doctor)
        COMPREPLY=($(compgen -W '--json --help' -- "$word"))
        return
        ;;
    esac
    [[ $word == -* ]] || COMPREPLY+=($(compgen -c -- "$word"))
    [[ ${COMPREPLY[0]-} != --*= ]] || compopt -o nospace 2>/dev/null
}

complete -F _tandem tandem
