#!/bin/bash
# Ceph's S3 gateway for the live tests, on 127.0.0.1: one monitor, one storage daemon that keeps its data in memory, one
# gateway.
#
#   radosgw.sh install      Debian's packages, if they are not here
#   radosgw.sh start DIR    starts it with its data in DIR; prints the environment of the live tests
#   radosgw.sh stop DIR     ends it and removes DIR
set -euo pipefail
# shellcheck source=.ci/lib.sh disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Not secrets: the gateway listens on loopback and lives for one run. `/` and `+` as in real keys, which have to survive
# URLs and signatures.
access_key=S3FSLIVETESTS
secret_key=live/tests+radosgw/0123456789
# A user of a tenant, whose buckets have names of their own.
tenant=acme
tenant_access_key=S3FSTENANTTESTS
tenant_secret_key=live/tenant+tests/0123456789
# The role that the user of the tests may assume.
role=S3fsLive

install() {
    hash radosgw radosgw-admin ceph ceph-mon ceph-osd monmaptool ceph-authtool 2>/dev/null && return
    # The packages also need ceph-mgr for dashboards and statistics only: the gateway works without a manager.
    apt_install radosgw ceph-mon ceph-osd
}

start() {
    local dir
    dir=$(realpath -m "$1") # ceph's settings need absolute paths
    # Every program of ceph, client or server, reads this file and none of the machine's.
    unset CEPH_ARGS CEPH_KEYRING
    export CEPH_CONF=$dir/ceph.conf
    start_server "$dir" start_cluster "$dir"
    print_environment radosgw "$(<"$dir/port")" "$access_key" "$secret_key"
    printf 'S3FS_TEST_TENANT%s=%q\n' '' "$tenant" _ACCESS_KEY "$tenant_access_key" _SECRET_KEY "$tenant_secret_key"
    printf 'S3FS_TEST_STS_%s=%q\n' ENDPOINT "http://127.0.0.1:$(<"$dir/sts-port")" ROLE "arn:aws:iam:::role/$role"
}

start_cluster() {
    local dir=$1 mon_port rgw_port sts_port
    mon_port=$(free_port)
    rgw_port=$(free_port)
    sts_port=$(free_port)
    echo "$rgw_port" >"$dir/port"
    echo "$sts_port" >"$dir/sts-port"
    cluster_id=$(</proc/sys/kernel/random/uuid)
    mkdir "$dir/mon" "$dir/osd" "$dir/rgw"
    write_config "$dir" "$mon_port" "$rgw_port" "$sts_port" >"$CEPH_CONF"

    start_monitor "$dir" "$mon_port"
    start_storage "$dir"
    make_user "$dir"
    make_role "$dir"
    start_gateway "$dir" gateway client.rgw "$rgw_port"
    start_gateway "$dir" sts client.sts "$sts_port"
    rm "$dir"/log/make-* # they went well; what the servers log from now on is of interest
}

# Everything binds and connects to 127.0.0.1, and nothing is signed or encrypted inside of the cluster. An empty admin
# socket and files in DIR keep it out of /run and /var.
write_config() {
    local dir=$1 mon_port=$2 rgw_port=$3 sts_port=$4
    cat <<CONFIG
[global]
fsid = $cluster_id
mon host = [v2:127.0.0.1:$mon_port]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr1 = false
# The storage daemon binds several ports, each the first that it finds free here, above all of \`free_port\`.
ms bind port min = 30000
ms bind port max = 32767

auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
# Without authentication there is no key to encrypt with, which is the default; the gateway would hang.
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc

# One copy of everything, on the only daemon there is.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
mon osd min up ratio = 0
osd objectstore = memstore
memstore device bytes = 8589934592
osd class load list = *
osd class default list = *
mon data avail crit = 1

# The monitor's default pauses add up to a start of 20 seconds.
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1

keyring = $dir/keyring
run dir = $dir
admin socket =
pid file =
crash dir = $dir/log
# Errors go to stderr; beside them only the gateway's requests are worth a log.
log file =
mon cluster log file =

[mon]
mon data = $dir/mon

[osd]
osd data = $dir/osd

[client]
rgw data = $dir/rgw
# Without tcp_nodelay, Nagle's algorithm and delayed acknowledgements hold a kept-alive connection to 22 requests a second.
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:$rgw_port
rgw dns name = localhost
rgw rados pool pg num min = 4
rgw thread pool size = 32
rgw enable usage log = false
rgw enable ops log = false
# Keys of the client (SSE-C) over plain HTTP, and one key of the server (SSE-KMS).
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=

[client.rgw]
log file = $dir/log/requests.out
debug rgw = 1

# A second gateway, with STS: it calls every wrong signature AccessDenied, which the other tests must not see.
[client.sts]
rgw frontends = beast tcp_nodelay=1 endpoint=127.0.0.1:$sts_port
rgw s3 auth use sts = true
rgw sts key = s3fs-live-tests0
log file = $dir/log/sts-requests.out
debug rgw = 1
CONFIG
}

start_monitor() {
    local dir=$1 port=$2
    {
        ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *'
        monmaptool --create --addv a "[v2:127.0.0.1:$port]" --fsid "$cluster_id" --set-min-mon-release pacific "$dir/monmap"
        ceph-mon --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring"
    } >"$dir/log/make-monitor.out" 2>&1
    spawn "$dir" monitor ceph-mon -i a -f
    wait_for 60 "$!" is_our_monitor
}

# The monitor that answers is ours, not another cluster's that took the port first.
is_our_monitor() {
    [[ $(ceph --connect-timeout 2 fsid 2>/dev/null) == "$cluster_id" ]]
}

start_storage() {
    local dir=$1 id
    id=$(</proc/sys/kernel/random/uuid)
    {
        ceph osd new "$id"
        ceph-osd -i 0 --mkfs --osd-uuid "$id"
    } >"$dir/log/make-storage.out" 2>&1
    spawn "$dir" storage ceph-osd -i 0 -f
    wait_for 60 "$!" storage_is_up
}

storage_is_up() {
    ceph --connect-timeout 2 osd stat 2>/dev/null | grep -q ' 1 up'
}

# This also makes the gateway's pools.
make_user() {
    {
        timeout 120 radosgw-admin user create --uid=live --display-name=live \
            --access-key="$access_key" --secret-key="$secret_key"
        timeout 60 radosgw-admin user create --tenant="$tenant" --uid=member --display-name=member \
            --access-key="$tenant_access_key" --secret-key="$tenant_secret_key"
    } >"$1/log/make-user.out" 2>&1
}

make_role() {
    local trust permissions
    trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/live"]},"Action":["sts:AssumeRole"]}]}'
    permissions='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::*"}]}'
    {
        timeout 60 radosgw-admin role create --role-name="$role" --path=/ --assume-role-policy-doc="$trust"
        timeout 60 radosgw-admin role-policy put --role-name="$role" --policy-name=all --policy-doc="$permissions"
    } >"$1/log/make-role.out" 2>&1
}

start_gateway() {
    local dir=$1 name=$2 client=$3 port=$4
    spawn "$dir" "$name" radosgw -n "$client" -f
    wait_for 60 "$!" is_up "$!" "$port"
}

server_main "$@"
