#!/bin/bash
# 68-postgres.t - PostgreSQL: processes that share memory. Its benchmark, whose sums must be right, queries whose answers must be
# those of a native run, several processes for one query, vacuum, and the restart after a backend was killed.
. "$(dirname "$0")/lib.sh"
. "$here/servers.sh"

B=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
for tool in initdb postgres psql pgbench; do
    [ -x "$B/$tool" ] || skip_all "PostgreSQL is not installed ($tool)"
done
if [ "$(id -u)" == 0 ]; then
    # PostgreSQL refuses root, and who is not root may not look where the repository lies.
    as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups --)
    mkdir "$T/bin"
    cp "$TANDEM" "$T/bin/tandem"
    TANDEM=$T/bin/tandem
fi
export PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=60
transactions=$(count 50 5000) # of each of four clients

sql() { timeout --foreground -k 5 "$patience" "$B/psql" -X -q -t -A -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" "$@" 2>&1; }
answers() { [ "$(sql -c 'select 1')" == 1 ]; }
bench() {
    timeout -k 5 "$patience" "$B/pgbench" -h "$dir" -p "$port" -n -c 4 -j 2 -t "$transactions" "$@" >"$dir/bench" 2>&1 &&
        grep -q "actually processed: $((4 * transactions))/$((4 * transactions))" "$dir/bench" && return
    diag "$(tail -n 10 "$dir/bench")"
    return 1
}
# What the benchmark has added, it has added in each of its tables.
sums() {
    sql -c 'select (select count(*) from pgbench_history), a = b and b = c and c = d from (select
        (select sum(abalance) from pgbench_accounts) a, (select sum(bbalance) from pgbench_branches) b,
        (select sum(tbalance) from pgbench_tellers) c, (select sum(delta) from pgbench_history) d) s'
}
queries="
create table words (n int primary key, word text, tags int[]);
insert into words select n, md5(n::text), array[n % 7, n % 11] from generate_series(1, 5000) n;
create index on words (word); create index on words using gin (tags);
select count(*), min(word), max(word), md5(string_agg(word, ',' order by n)) from words;
select n from words where tags @> array[3, 5] order by n limit 5;
update words set word = upper(word) where n % 3 = 0;
delete from words where n % 5 = 0;
begin; delete from words; rollback;
select count(*), sum(n), md5(string_agg(word, ',' order by word, n)) from words;
vacuum full words; analyze words; reindex table words;
select tags[1], count(*), avg(n)::numeric(10, 3) from words group by 1 order by 1;
copy (select n, word from words order by n limit 3) to stdout;
listen news; notify news; select pg_advisory_lock(1), pg_advisory_unlock(1);
set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set max_parallel_workers_per_gather = 2;
explain (costs off) select count(*), sum(length(word)) from words;
select count(*), sum(length(word)) from words;
drop table words;
"

# A backend is killed while it works: all others go, and the server begins anew.
kill_backend() {
    local backend
    sql -c "set application_name = 'victim'; select pg_sleep(300)" >"$dir/victim" &
    wait_until "$limit" victim_there || return 1
    kill -KILL "$(victim)"
    wait $!
    wait_until "$limit" answers && grep -q 'reinitializing' "$dir/stderr"
}
victim() { sql -c "select pid from pg_stat_activity where application_name = 'victim' and wait_event = 'PgSleep'"; }
victim_there() { [[ $(victim) =~ ^[0-9]+$ ]]; }

work() {
    local run=()
    chmod 777 "$dir"
    if [ -n "$options" ]; then
        other_lag
        run=("$TANDEM" run ${TANDEM_RUN_OPTIONS:-} --report="$dir/initdb.json" $options --)
    fi
    timeout --foreground -k 5 "$patience" "${as[@]}" "${run[@]}" "$B/initdb" -D "$dir/data" -U postgres -A trust --locale=C \
        >stdout 2>stderr
    is "$way: initdb" "$?" 0 || { said; return; }
    [ -z "$options" ] || ok "$way: ... no version diverged" agreed initdb.json

    serve "$B/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port"
    up answers || return
    sql -f - <<<"$queries" >"$dir/said"
    is "$way: queries" "$?" 0 || diag "$(tail -n 3 "$dir/said")"
    sed 's/PID [0-9]*/PID/' "$dir/said" >"$dir/answers"
    [ -n "$options" ] || cp "$dir/answers" "$T/answers"
    ok "$way: ... their answers" diff "$T/answers" "$dir/answers"
    does "the benchmark's tables" sh -c '"$@" 2>/dev/null' sh "$B/pgbench" -h "$dir" -p "$port" -i -q -I tGvp
    ok "$way: pgbench" bench
    is "$way: ... its sums" "$(sums)" "$((4 * transactions))|t"
    is "$way: vacuum" "$(sql -c 'vacuum full' -c 'vacuum (analyze, parallel 2)')" ""
    ok "$way: a backend is killed: it begins anew" kill_backend
    is "$way: ... with all that was committed" "$(sums)" "$((4 * transactions))|t"
    ok "$way: pgbench with prepared queries" bench -M prepared
    is "$way: ... its sums" "$(sums)" "$((8 * transactions))|t"
    stop 0
}
# Its random bytes are OpenSSL's, which are made of, among others, an address: other addresses are seen.
ways=("${ways[@]:0:3}")
each_way PostgreSQL work

done_testing
