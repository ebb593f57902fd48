#!/usr/bin/env bash
# Tests the image and the stack on a one-node Swarm: builds the Dockerfile, deploys docker-compose.yml with two replicas beside
# a Meters service and a Transactions service, kills the working replica twice, compares the books with those of an
# undisturbed run and with the ledger, and updates the service while it runs.
#
#   deploy/swarm/test.sh        after `make build tools`; as root if no Docker engine answers
#
# It pulls nothing: stand-ins built from local files replace the base images and MongoDB (deploy/swarm/test/stand-in). It needs
# docker and busybox-static, and dockerd to start its own engine (Debian: docker.io). It removes everything it created.
#
# PROGRAM   the program for the image              [target/release/rec-market]
# FERRETDB  the MongoDB-protocol server            [target/tools/bin/ferretdb]
# DAYS      days of readings                       [3]
# MEMBERS   members of the community               [4]
# KEEP=1    keeps the stack and the engine running at the end
set -Eeuo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEST=$ROOT/deploy/swarm/test
PROGRAM=$(realpath "${PROGRAM:-$ROOT/target/release/rec-market}")
FERRETDB=$(realpath "${FERRETDB:-$ROOT/target/tools/bin/ferretdb}")
# Enough for both kills to happen during the backfill, which MARKET_CPUS slows down. Not more, because FerretDB has no such
# indexes as MongoDB: it reads every trade whenever one changes.
export DAYS=${DAYS:-3} MEMBERS=${MEMBERS:-4} MARKET_CPUS=${MARKET_CPUS:-0.1}
# The legacy builder, which needs no plug-in; the Dockerfile must build with it.
export DOCKER_BUILDKIT=0
export MARKET_IMAGE=rec-market-test/market:latest
export MONGO_IMAGE=rec-market-test/mongo:latest
BUILD_IMAGE=rec-market-test/build:latest
RUN_IMAGE=rec-market-test/run:latest
STACK=market
PLATFORM=platform
UNDISTURBED=rec-market-test-undisturbed
CONFIG=/etc/rec-market/market.toml
# The subnet of RECNetwork, as the stack's configuration names it.
SUBNET=$(sed -n 's/^from = \["\(.*\)"\]$/\1/p' "$ROOT/deploy/swarm/market.toml")
# Timeout of the whole test, in seconds.
TIME_MAX=900

WORK=$(mktemp -d /tmp/rec-market-swarm.XXXXXX)
ENGINE_PID=
SWARM=
PASSED=

main() {
    trap clean_up EXIT
    trap 'printf "\nFAILED at line %d: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR
    trap 'exit 130' INT TERM
    check_machine
    start_engine
    build_stand_ins
    build_image
    make_swarm
    start_platform
    settle_undisturbed
    deploy_stack
    kill_replicas
    await_books
    compare_books
    update_stack
    check_ports
    PASSED=1
    step "passed in $SECONDS s"
}

# ── output and waiting ───────────────────────────────────────────────────────────────────────────────────────────────────

step() { printf '\n[%3d s] %s\n' "$SECONDS" "$*"; }
note() { printf '        %s\n' "$*"; }
fail() {
    printf '\nFAILED after %d s: %s\n' "$SECONDS" "$*" >&2
    exit 1
}

# await SECONDS WHAT COMMAND…: repeats the command until it succeeds.
await() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || fail "timed out waiting until $what"
        [ "$SECONDS" -lt "$TIME_MAX" ] || fail "the whole test took longer than $TIME_MAX s (it was waiting until $what)"
        sleep 0.2
    done
}

# ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────────────

check_machine() {
    step "checks the machine"
    local tool
    for tool in docker busybox ldd unshare nsenter; do
        command -v "$tool" >/dev/null || fail "$tool is missing (Debian: apt-get install docker.io busybox-static)"
    done
    ldd "$(command -v busybox)" 2>/dev/null | grep -q '=>' && fail "busybox needs libraries (Debian: apt-get install busybox-static)"
    [ -x "$PROGRAM" ] || fail "program $PROGRAM does not exist (run make build)"
    [ -x "$FERRETDB" ] || fail "MongoDB-protocol server $FERRETDB does not exist (run make tools)"
    note "$("$PROGRAM" --version), $FERRETDB, $MEMBERS members, $DAYS days"
}

start_engine() {
    if docker info >/dev/null 2>&1; then
        step "uses the running Docker engine"
    else
        step "starts its own Docker engine in $WORK"
        [ "$(id -u)" = 0 ] || fail "no Docker engine is running, and only root can start one"
        command -v dockerd >/dev/null || fail "no Docker engine is running, and dockerd is missing (Debian: apt-get install docker.io)"
        export DOCKER_HOST=unix://$WORK/docker.sock
        # In its own namespaces: its bridges, rules and mounts affect nothing else and disappear with it.
        unshare --net --mount sh -c 'busybox ip link set lo up && exec dockerd "$@"' sh \
            --host "$DOCKER_HOST" --data-root "$WORK/data" --exec-root "$WORK/exec" --pidfile "$WORK/dockerd.pid" \
            >"$WORK/dockerd.log" 2>&1 &
        ENGINE_PID=$!
        await 60 "the engine responds (log: $WORK/dockerd.log)" engine_responds
    fi
    note "$(docker version --format 'Docker {{.Server.Version}}'), $(docker info --format '{{.Driver}}, cgroup v{{.CgroupVersion}}')"
    local state
    state=$(docker info --format '{{.Swarm.LocalNodeState}}')
    [ "$state" = inactive ] || fail "this engine already belongs to a Swarm (state: $state)"
}

engine_responds() {
    kill -0 "$ENGINE_PID" 2>/dev/null || fail "dockerd ended: $(tail -n 5 "$WORK/dockerd.log")"
    docker info >/dev/null 2>&1
}

# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

build_stand_ins() {
    step "builds stand-ins for the base images and MongoDB"
    local context=$WORK/stand-in applet
    cp -r "$TEST/stand-in" "$context"
    mkdir -p "$context/shell/bin" "$context/shell/tmp"
    cp "$(command -v busybox)" "$context/shell/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$context/shell/bin/$applet"
    done
    copy_libraries "$PROGRAM" "$context/program.libraries"
    copy_libraries "$FERRETDB" "$context/ferretdb.libraries"
    cp "$PROGRAM" "$context/program"
    cp "$FERRETDB" "$context/ferretdb"
    build "$BUILD_IMAGE" --file "$context/build.Dockerfile" "$context"
    build "$RUN_IMAGE" --file "$context/run.Dockerfile" "$context"
    build "$MONGO_IMAGE" --file "$context/mongo.Dockerfile" "$context"
}

# copy_libraries PROGRAM DIRECTORY: copies a program's dynamic libraries to the same paths below the directory.
copy_libraries() {
    mkdir -p "$2"
    local library
    # Lines are `name => /path (address)`; the loader's is `/path (address)`.
    for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        cp -L --parents "$library" "$2"
    done
}

build_image() {
    step "builds the image with the project's Dockerfile"
    build "$MARKET_IMAGE" --build-arg "BUILD_IMAGE=$BUILD_IMAGE" --build-arg "RUN_IMAGE=$RUN_IMAGE" \
        --build-arg REVISION=test "$ROOT"
    grep -E 'cargo: built' "$WORK/build.log" | sed 's/^/        /'
    note "$(docker run --rm --read-only --cap-drop ALL --network none "$MARKET_IMAGE" --version), \
$(docker image inspect --format 'user {{.Config.User}}, {{.Size}} bytes' "$MARKET_IMAGE")"
    [ "$(docker image inspect --format '{{.Config.User}}' "$MARKET_IMAGE")" = 10001:10001 ] || fail "the image's user is wrong"
}

# build TAG ARGUMENT…: prints the builder's output only if it fails.
build() {
    local tag=$1
    shift
    docker build --tag "$tag" "$@" >"$WORK/build.log" 2>&1 || { cat "$WORK/build.log" >&2; fail "$tag cannot be built"; }
    note "$tag"
}

# ── the Swarm and its services ───────────────────────────────────────────────────────────────────────────────────────────

make_swarm() {
    step "creates a one-node Swarm, the network and the secrets"
    docker swarm init --advertise-addr 127.0.0.1 >/dev/null
    SWARM=1
    # Attachable, so that a separate container can settle undisturbed.
    docker network create --driver overlay --attachable --subnet "$SUBNET" RECNetwork >/dev/null
    "$PROGRAM" certs --directory "$WORK/secrets" --name tasks.market >/dev/null
    docker secret create MarketCrt "$WORK/secrets/market_crt.pem" >/dev/null
    docker secret create MarketKey "$WORK/secrets/market_key.pem" >/dev/null
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' | docker secret create MarketMongoPassword - >/dev/null
    # Swarm's virtual addresses and published ports need IPVS in the kernel; the addresses of tasks work without it.
    if has_ipvs; then export MARKET_HOST=market; else export MARKET_HOST=tasks.market; fi
    note "the other services reach the market as $MARKET_HOST"
}

has_ipvs() { in_engine_network test -e /proc/net/ip_vs; }

# in_engine_network COMMAND…: runs a command in the network namespace of the engine.
in_engine_network() {
    if [ -n "$ENGINE_PID" ]; then nsenter --net --target "$ENGINE_PID" -- "$@"; else "$@"; fi
}

start_platform() {
    step "starts a Meters service and a Transactions service"
    docker stack deploy --compose-file "$TEST/platform.yml" "$PLATFORM" >/dev/null 2>"$WORK/deploy.log" ||
        fail "$(cat "$WORK/deploy.log")"
    await 60 "the Meters service runs" running "${PLATFORM}_meters" 1
}

settle_undisturbed() {
    step "settles everything without disturbance, for comparison"
    docker volume create "$UNDISTURBED" >/dev/null
    alone settle || fail "the undisturbed run ended with $?"
    alone audit >/dev/null || fail "the undisturbed books are wrong"
    alone trades --json >"$WORK/undisturbed.jsonl"
    EXPECTED=$(wc -l <"$WORK/undisturbed.jsonl")
    [ "$EXPECTED" -gt 0 ] || fail "the undisturbed run made no trades"
    INTERVALS=$(intervals "$WORK/undisturbed.jsonl")
    note "$EXPECTED trades in $INTERVALS intervals"
}

# alone COMMAND…: runs a command of the program in a separate container, with a volume for its books.
alone() {
    local command=$1
    shift
    docker run --rm --read-only --cap-drop ALL --network RECNetwork --volume "$UNDISTURBED:/data" \
        --volume "$TEST/undisturbed.toml:$CONFIG:ro" "$MARKET_IMAGE" "$command" --config "$CONFIG" "$@"
}

deploy_stack() {
    step "deploys docker-compose.yml with two replicas"
    MARKET_REPLICAS=2 docker stack deploy --compose-file "$ROOT/docker-compose.yml" --compose-file "$TEST/market.yml" \
        --resolve-image never "$STACK" >/dev/null 2>"$WORK/deploy.log" || fail "$(cat "$WORK/deploy.log")"
    await 60 "the database runs" running "${STACK}_mongo" 1
    await 60 "two replicas run" running "${STACK}_market" 2
}

# containers SERVICE: the running ones, newest first.
containers() { docker ps --quiet --no-trunc --filter "label=com.docker.swarm.service.name=$1"; }
running() { [ "$(containers "$1" | wc -l)" -eq "$2" ]; }

healthy() {
    local filter=(--filter "label=com.docker.swarm.service.name=$1" --filter health=healthy)
    [ "$(docker ps --quiet "${filter[@]}" | wc -l)" -eq "$2" ]
}

# ── disturbance ─────────────────────────────────────────────────────────────────────────────────────────────────────────

kill_replicas() {
    step "kills the working replica twice"
    kill_worker
    await 60 "two replicas run again" running "${STACK}_market" 2
    kill_worker
    await 120 "two replicas are healthy" healthy "${STACK}_market" 2
}

# Waits until a replica has settled a twentieth of everything, and kills it.
kill_worker() {
    WORKER=
    await 180 "a replica settles a twentieth of everything" find_worker $((INTERVALS / 20))
    docker kill --signal KILL "$WORKER" >/dev/null
    # Counted after the kill: whatever is not settled now was not settled then either.
    await 60 "a replica lists the trades" settled 0
    [ "$SETTLED" -lt "$EXPECTED" ] || fail "everything was settled before a replica was killed (set DAYS above $DAYS)"
    note "killed ${WORKER:0:12}, which had settled $WORKED of $INTERVALS intervals; $SETTLED of $EXPECTED trades are in the books"
}

# With bash alone: busybox's network commands crash outside of a container on some machines.
ASK_METRICS='exec 3<>"/dev/tcp/$1/9464" && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && timeout 2 cat <&3'

# find_worker COUNT: whether a replica's metrics show that many settled intervals since its start; sets WORKER and WORKED.
find_worker() {
    local container address
    for container in $(containers "${STACK}_market"); do
        address=$(docker network inspect docker_gwbridge --format "{{(index .Containers \"$container\").IPv4Address}}") || continue
        WORKED=$(in_engine_network bash -c "$ASK_METRICS" ask "${address%/*}" 2>/dev/null |
            awk '/^rec_market_intervals_settled_total/ { count += $2 } END { print count + 0 }') || continue
        WORKER=$container
        [ "$WORKED" -lt "$1" ] || return 0
    done
    return 1
}

# settled COUNT: whether that many trades are in the books; sets SETTLED to their number.
settled() {
    stack_trades || return 1
    SETTLED=$(wc -l <"$WORK/stack.jsonl")
    [ "$SETTLED" -ge "$1" ]
}

# Lists all trades from any replica; one that was just killed or started may not respond. The pause spares the stand-in for
# MongoDB, which reads everything for such a query.
stack_trades() {
    local container
    sleep 1
    for container in $(containers "${STACK}_market"); do
        inside "$container" trades --json >"$WORK/stack.jsonl" 2>"$WORK/trades.log" && return 0
    done
    return 1
}

# inside CONTAINER COMMAND…: runs a command of the program beside a replica.
inside() {
    local container=$1 command=$2
    shift 2
    docker exec "$container" /usr/local/bin/rec-market "$command" --config "$CONFIG" "$@"
}

# ── the expected result ──────────────────────────────────────────────────────────────────────────────────────────────────

await_books() {
    step "waits until everything is settled and paid"
    await 300 "everything is settled" settled "$EXPECTED"
    note "$SETTLED trades are settled"
    await 300 "everything is paid" paid
    note "$(of_members "$WORK/stack.jsonl" | wc -l) trades between members are paid"
}

paid() {
    stack_trades && [ "$(of_members "$WORK/stack.jsonl" | grep -cv '"state":"Paid"')" -eq 0 ]
}

compare_books() {
    step "compares the books with the undisturbed ones, and with the ledger"
    inside "$(containers "${STACK}_market" | head -n 1)" audit | tail -n 3 | sed 's/^/        /' || fail "the audit failed"
    diff <(without_state "$WORK/undisturbed.jsonl") <(without_state "$WORK/stack.jsonl") >"$WORK/difference" ||
        fail "the trades differ from the undisturbed ones: $(head -n 5 "$WORK/difference")"
    note "the same $EXPECTED trades in $(intervals "$WORK/stack.jsonl") intervals"
    local ledger twice
    ledger=$(docker volume inspect --format '{{.Mountpoint}}' "${PLATFORM}_ledger")/ledger.jsonl
    [ -s "$ledger" ] || fail "the ledger $ledger is empty"
    ids "$ledger" >"$WORK/ledger.ids"
    twice=$(uniq -d "$WORK/ledger.ids" | wc -l)
    [ "$twice" -eq 0 ] || fail "$twice trades are in the ledger more than once: $(uniq -d "$WORK/ledger.ids" | head -n 5)"
    diff <(of_members "$WORK/stack.jsonl" | ids) "$WORK/ledger.ids" >"$WORK/difference" ||
        fail "the ledger has other trades than the books: $(head -n 5 "$WORK/difference")"
    note "$(wc -l <"$WORK/ledger.ids") payments in the ledger, each trade between members once"
}

# Trades with the grid have no state and are not paid.
of_members() { grep -v '"state":null' "$1"; }
ids() { grep -o '"id":"[0-9a-f]*"' "$@" | LC_ALL=C sort; }
without_state() { sed 's/,"state":.*$//' "$1" | LC_ALL=C sort; }
intervals() { grep -o '"start":"[^"]*"' "$1" | LC_ALL=C sort -u | wc -l; }

update_stack() {
    step "updates the service while it runs: a new replica is healthy before an old one ends"
    local before
    before=$(containers "${STACK}_market")
    docker service update --force --detach=true "${STACK}_market" >/dev/null 2>&1
    await 240 "the update is complete" updated
    local old
    for old in $before; do
        [ -z "$(docker ps --quiet --no-trunc --filter "id=$old")" ] || fail "replica ${old:0:12} was not replaced"
    done
    await 60 "two replicas are healthy" healthy "${STACK}_market" 2
    await 30 "the new replicas list the trades" settled "$EXPECTED"
    diff <(without_state "$WORK/undisturbed.jsonl") <(without_state "$WORK/stack.jsonl") >/dev/null || fail "the update changed the books"
    note "both replicas were replaced, the books are the same"
}

updated() {
    local state
    state=$(docker service inspect --format '{{.UpdateStatus.State}}' "${STACK}_market")
    case $state in
        completed) return 0 ;;
        rollback* | paused) fail "the update ended in state $state" ;;
        *) return 1 ;;
    esac
}

check_ports() {
    step "checks that no port is published"
    local published
    published=$(docker service inspect --format '{{len .Endpoint.Ports}}' "${STACK}_market")
    [ "$published" = 0 ] || fail "$published ports are published: $(docker service inspect --format '{{json .Endpoint.Ports}}' "${STACK}_market")"
    local container
    for container in $(containers "${STACK}_market"); do
        docker logs "$container" 2>&1 | grep -F "$SUBNET" >/dev/null || fail "replica ${container:0:12} does not log that $SUBNET may settle"
    done
    note "none; $SUBNET may settle"
}

# ── clean-up ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

clean_up() {
    local status=$?
    trap - EXIT
    set +e
    [ -n "$PASSED" ] || [ -z "$SWARM" ] || show_state >&2
    if [ "${KEEP:-}" = 1 ]; then
        step "keeps everything: ${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST, }$WORK"
        exit "$status"
    fi
    step "cleans up"
    if [ -n "$SWARM" ]; then
        docker stack rm "$STACK" "$PLATFORM" >/dev/null 2>&1
        docker swarm leave --force >/dev/null 2>&1
        local left=60
        while [ -n "$(docker ps --all --quiet --filter label=com.docker.stack.namespace)" ] && [ $((left -= 1)) -gt 0 ]; do
            sleep 1
        done
        docker volume rm --force "$UNDISTURBED" "${STACK}_mongo-data" "${STACK}_mongo-config" "${PLATFORM}_ledger" >/dev/null 2>&1
    fi
    docker image rm --force "$MARKET_IMAGE" "$MONGO_IMAGE" "$BUILD_IMAGE" "$RUN_IMAGE" >/dev/null 2>&1
    if [ -n "$ENGINE_PID" ]; then
        kill "$ENGINE_PID"
        wait "$ENGINE_PID"
    fi
    rm -rf "$WORK"
    exit "$status"
}

# What is needed to find out why it failed.
show_state() {
    printf '\nThe services:\n'
    docker service ls
    local service
    for service in "${PLATFORM}_meters" "${PLATFORM}_transactions" "${STACK}_mongo" "${STACK}_market"; do
        printf '\n%s:\n' "$service"
        docker service ps --no-trunc --format '{{.Name}} {{.CurrentState}} {{.Error}}' "$service"
        timeout 10 docker service logs --tail 20 "$service" 2>&1
    done
    [ ! -s "$WORK/trades.log" ] || { printf '\nThe last error when listing trades:\n'; tail -n 5 "$WORK/trades.log"; }
}

main "$@"
