# shellcheck shell=sh
# The lab of the quickstart: its network, its three servers, and the end of all of it.
# Sourced by run, and by the script that ends what run --keep left.

dir=                 # all files of this run; its processes are known by it
namespaces=          # those that this run made
in_node=             # the words before a command that must run where etcd and ExaBGP are; none on loopback addresses
in_router=           # the same for BIRD
exabgp_pid=
bird_pid=
etcd_pid=

# ---- the network ----

# choose_network LOOPBACK: namespaces where they can be made and LOOPBACK is empty; says which it is, and why.
choose_network() {
  node_namespace=quickstart-$$-node
  router_namespace=quickstart-$$-router
  if [ -n "$1" ]; then
    reason="--loopback was given"
  elif [ "$(id -u)" -ne 0 ]; then
    reason="only root makes them"
  elif ! command -v ip >/dev/null; then
    reason="ip is not installed (iproute2)"
  elif [ -e "/run/netns/$node_namespace" ] || [ -e "/run/netns/$router_namespace" ]; then
    reason="an earlier run left quickstart-$$-…"
  else
    namespaces="$node_namespace $router_namespace"
    if reason=$(make_namespaces 2>&1); then
      use_namespaces
      return
    fi
    remove_namespaces
    # Of several lines the last one is the error.
    reason=$(printf '%s\n' "$reason" | tail -n 1)
  fi
  use_loopback
}

make_namespaces() {
  for name in $namespaces; do
    ip netns add "$name" && ip -n "$name" link set lo up || return 1
  done
  ip -n "$node_namespace" link add router type veth peer name node netns "$router_namespace" &&
    ip -n "$node_namespace" address add 10.99.0.1/24 dev router &&
    ip -n "$router_namespace" address add 10.99.0.2/24 dev node &&
    ip -n "$node_namespace" link set router up &&
    ip -n "$router_namespace" link set node up &&
    ip netns exec "$node_namespace" true
}

use_namespaces() {
  in_node="ip netns exec $node_namespace"
  in_router="ip netns exec $router_namespace"
  node_address=10.99.0.1
  router_address=10.99.0.2
  bgp_port=179
  etcd_port=2379
  session="direct;"
  echo "   two network namespaces, as they can be made here: $node_namespace and $router_namespace"
}

use_loopback() {
  node_address=127.0.0.1
  router_address=127.0.0.2
  bgp_port=${BGP_PORT:-17900}
  etcd_port=${ETCD_PORT:-23790}
  # No interface leads to the other end.
  session="multihop; strict bind;"
  echo "   no network namespaces here: ${reason:-ip netns fails}; loopback addresses it is"
}

remove_namespaces() {
  for name in $namespaces; do
    if [ -e "/run/netns/$name" ]; then
      ip netns del "$name" || true
    fi
  done
  namespaces=
}

# ---- files ----

# make_files PROGRAM: the directory of the run, with a copy of PROGRAM that ExaBGP's user may run.
make_files() {
  dir=$(mktemp -d "${TMPDIR:-/tmp}/bgpcommander-quickstart.XXXXXX")
  case $dir in
  *[!A-Za-z0-9/._-]*) fail "ExaBGP splits at blanks, and more: TMPDIR must be a plain path" ;;
  esac
  chmod 755 "$dir"
  # ExaBGP never runs its programs as root: as Debian does it, they are its user's.
  user=$(id -un)
  if [ "$user" = root ]; then
    user=${EXABGP_USER:-exabgp}
  fi
  cp "$1" "$dir/bgpcommander"
  chmod 755 "$dir/bgpcommander"
  mkdir -m 700 "$dir/state" "$dir/run"
  mkdir -m 755 "$dir/scripts" "$dir/service"
  if [ "$(id -u)" -eq 0 ]; then
    chown "$user" "$dir/state" "$dir/run" "$dir/scripts"
  fi
}

# ---- the store ----

# start_store etcd|dir: sets store_url; the functions below are the same for both.
start_store() {
  store=$1
  "start_$store"
}

# A directory of files in the place of /bgp; the daemon writes its own keys there too.
start_dir() {
  mkdir -m 755 "$dir/store"
  store_url=file://$dir/store
  own_store_files
  echo "   no server: the store is the directory $dir/store"
}

own_store_files() {
  if [ "$(id -u)" -eq 0 ]; then
    chown -R "$user" "$dir/store"
  fi
}

start_etcd() {
  store_url=http://127.0.0.1:$etcd_port
  peer_url=http://127.0.0.1:$((etcd_port + 1))
  $in_node etcd --name quickstart --data-dir "$dir/etcd" --listen-client-urls "$store_url" \
    --advertise-client-urls "$store_url" --listen-peer-urls "$peer_url" --initial-advertise-peer-urls "$peer_url" \
    --initial-cluster "quickstart=$peer_url" --logger zap --log-level warn >"$dir/etcd.log" 2>&1 &
  etcd_pid=$!
}

etcdctl_ask() { $in_node etcdctl --endpoints "$store_url" "$@"; }
is_etcd_ours() { is_alive "$etcd_pid" && etcdctl_ask endpoint health; }
is_dir_ours() { [ -d "$dir/store" ]; }
is_store_ours() { "is_${store}_ours"; }

# put KEY VALUE: says it as a person would type it, and does it. KEY is below /bgp.
put() { "put_$store" "$1" "$2"; }

put_etcd() {
  printf "\$ etcdctl put /bgp/%s '%s'\n" "$1" "$2" | sed 's/^/   /'
  etcdctl_ask put "/bgp/$1" "$2" >/dev/null || fail "etcd did not take $1"
}

put_dir() {
  printf "\$ echo '%s' > %s/%s\n" "$2" "$dir/store" "$1" | sed 's/^/   /'
  mkdir -p "$dir/store/${1%/*}"
  printf '%s\n' "$2" >"$dir/store/$1"
  own_store_files
}

# value KEY; show_keys KEY: all below it, and how a person would ask.
value() { "value_$store" "$1"; }
value_etcd() { etcdctl_ask get "/bgp/$1" --print-value-only; }
value_dir() { cat "$dir/store/$1"; }
show_keys() { "show_keys_$store" "$1"; }
show_keys_etcd() { show "etcdctl get --prefix /bgp/$1" etcdctl_ask get --prefix "/bgp/$1"; }
show_keys_dir() { show "grep -r '' $dir/store/$1" grep -r '' "$dir/store/$1"; }

# What changes a key by hand, for who plays with it: how_to_put KEY VALUE
how_to_put() {
  if [ "$store" = etcd ]; then
    echo "${in_node:+$in_node }etcdctl put /bgp/$1 '$2'"
  else
    echo "echo '$2' > $dir/store/$1"
  fi
}

# ---- the router ----

start_bird() {
  cat >"$dir/bird.conf" <<END
router id $router_address;
log "$dir/bird.log" all;
protocol device { }
protocol bgp exabgp {
  local $router_address port $bgp_port as 65001;
  neighbor $node_address as 65000;
  passive;
  $session
  ipv4 { import all; export none; };
}
END
  $in_router bird -f -c "$dir/bird.conf" -s "$dir/bird.ctl" >"$dir/bird.out" 2>&1 &
  bird_pid=$!
}

birdc_ask() { birdc -s "$dir/bird.ctl" "$@"; }
is_bird_ours() { is_alive "$bird_pid" && birdc_ask show status; }
is_established() { birdc_ask show protocols | grep -q Established; }
has_route() { birdc_ask show route | grep -q '172\.16\.1\.5/32'; }
has_no_route() { birdc_ask show route >/dev/null && ! has_route; }

# ---- the node ----

start_exabgp() {
  cat >"$dir/exabgp.conf" <<END
process bgpcommander {
  run $dir/bgpcommander -c $store_url -n quickstart -p $dir/scripts --state-dir $dir/state --socket $dir/run/quickstart.sock;
  encoder json;
}
neighbor $router_address {
  router-id $node_address;
  local-address $node_address;
  local-as 65000;
  peer-as 65001;
  connect $bgp_port;
  family { ipv4 unicast; }
  api { processes [ bgpcommander ]; neighbor-changes; send { parsed; update; } }
}
END
  $in_node env exabgp_daemon_user="$user" exabgp_tcp_bind= exabgp_log_destination=stdout exabgp_api_cli=false \
    exabgp "$dir/exabgp.conf" >"$dir/exabgp.log" 2>"$dir/bgpcommander.log" &
  exabgp_pid=$!
}

bgpcommander_ask() { "$dir/bgpcommander" "$@" --socket "$dir/run/quickstart.sock"; }

# ---- the end ----

# A process that only waits for its parent to look is dead.
is_alive() { read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]; }

# wait_gone PID SECONDS
wait_gone() {
  left=$(($2 * 20))
  while is_alive "$1"; do
    left=$((left - 1))
    if [ "$left" -lt 0 ]; then
      return 1
    fi
    sleep 0.05
  done
}

# stop_process PID SECONDS: TERM, after that time KILL; comes back when it is gone.
stop_process() {
  if [ -n "$1" ] && kill "$1" 2>/dev/null && ! wait_gone "$1" "$2"; then
    kill -9 "$1" 2>/dev/null || true
    wait_gone "$1" 5 || echo "process $1 does not end" >&2
  fi
}

# bgpcommander's processes: those with our folder of scripts as an argument. From a pipe, as grep has arguments too.
# shellcheck disable=SC2062 # these are files
daemon_pids() { printf '%s\n' "$dir/scripts" | grep -lszxFf - /proc/[0-9]*/cmdline | cut -d/ -f3; }

stop_all() {
  stop_process "$exabgp_pid" 10
  # ExaBGP ends its programs, unless it had to be killed.
  for pid in $(daemon_pids); do
    stop_process "$pid" 5
  done
  stop_process "$bird_pid" 3
  stop_process "$etcd_pid" 5
  remove_namespaces
  if [ -n "$dir" ]; then
    rm -rf "$dir"
  fi
}

# ours PID: the same number if it still is a process of this run: numbers are used again.
ours() {
  if grep -qsF "$dir/" "/proc/$1/cmdline"; then
    echo "$1"
  fi
}

# write_stop LAB: the script that ends all of it, later. It needs nothing but the run's own directory.
write_stop() {
  cp "$1" "$dir/lab.sh"
  cat >"$dir/stop" <<END
#!/bin/sh
# Ends what the quickstart left running, and removes all that it made.
set -eu
PATH=\$PATH:/usr/sbin:/sbin
. "$dir/lab.sh"
dir=$dir
namespaces="$namespaces"
exabgp_pid=\$(ours "$exabgp_pid")
bird_pid=\$(ours "$bird_pid")
etcd_pid=\$(ours "$etcd_pid")
stop_all
END
  chmod 755 "$dir/stop"
}
