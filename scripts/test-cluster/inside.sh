#!/usr/bin/env bash
# The first process in the namespaces that start.sh makes: inside.sh FOLDER BUILT ADDRESS PODS. Starts the parts of Kubernetes and keeps
# them running: whichever is killed comes back, whichever is stopped stays. FOLDER/pids has a file for each. PODS is the beginning of
# their addresses, such as 10.216.4.
set -euo pipefail
folder=$1 kube=$2/kube images=$2/images.tar address=$3 pods=$4
api=https://$address:6443
gateway=$pods.1
group=cowait-test-$(cat "$folder/pid")
PATH=$PATH:/usr/sbin:/sbin

[ -z "${GUARD:-}" ] || exec 7<"$GUARD"
mount --make-rshared /
for hidden in /run /var/lib /var/log; do
  [[ $folder/ != "$hidden"/* ]] || { echo "the folder may not be in $hidden"; exit 1; }
  mount -t tmpfs -o mode=755 tmpfs "$hidden"
done
mkdir -p "$folder"/{pids,pki,containerd,registry/_default} /var/log/pods
touch "$folder/unshared"
cd "$folder"

keep() { # NAME COMMAND...
  local name=$1
  shift
  while :; do
    "$@" >>"log/$name" 2>&1 </dev/null 7<&- &
    echo $! >"pids/$name"
    wait $! || true
    sleep 0.2
  done &
}
await() { # SECONDS WHAT COMMAND...
  local tries=$(($1 * 20)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $((tries -= 1)) -gt 0 ] || { echo "$what: not in time"; exit 1; }
    sleep 0.05
  done
}
kubectl() {
  "$kube" kubectl --kubeconfig=admin.kubeconfig "$@"
}

# --- keys and users
key() { openssl ecparam -name prime256v1 -genkey -noout -out "pki/$1.key"; }
certificate() { # NAME SUBJECT [EXTENSIONS]
  key "$1"
  openssl req -new -key "pki/$1.key" -subj "$2" -out "pki/$1.csr"
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 30 \
    -extfile <(echo "${3:-}") -out "pki/$1.crt" 2>/dev/null
}
kubeconfig() { # FILE USER
  cat >"$1" <<END
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "$api", certificate-authority-data: $(base64 -w0 pki/ca.crt)}}]
users: [{name: test, user: $2}]
contexts: [{name: test, context: {cluster: test, user: test, namespace: default}}]
END
}
account() { # NAME USER GROUPS
  local token
  token=$(head -c16 /dev/urandom | od -An -tx1 | tr -d ' \n')
  echo "$token,$2,$2,\"$3\"" >>pki/tokens.csv
  kubeconfig "pki/$1.kubeconfig" "{token: $token}"
}
key ca
openssl req -x509 -new -key pki/ca.key -subj /CN=cowait-test -days 30 -out pki/ca.crt
certificate api /CN=kube-apiserver \
  "subjectAltName=IP:$address,IP:127.0.0.1,IP:10.96.0.1,IP:$gateway,DNS:localhost,DNS:kubernetes.default.svc"
certificate admin /O=system:masters/CN=admin
openssl genrsa -out pki/accounts.key 2048 2>/dev/null
kubeconfig admin.kubeconfig "{client-certificate-data: $(base64 -w0 pki/admin.crt), client-key-data: $(base64 -w0 pki/admin.key)}"
account node system:node:node1 system:nodes
account controllers system:kube-controller-manager ''
account scheduler system:kube-scheduler ''

# --- network: the link to the host, and a bridge for pods
ip link set lo up
await 10 'link to the host' ip link show node
ip addr add "$address/30" dev node
ip link set node up
ip link add pods type bridge
ip addr add "$gateway/22" dev pods
ip link set pods up
echo 1 >/proc/sys/net/ipv4/ip_forward
iptables -t nat -A PREROUTING -i pods -d 10.96.0.1 -p tcp --dport 443 -j DNAT --to-destination "$gateway:6443"
mkdir -p /run/cni
cat >/run/cni/10-pods.conflist <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": false,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pods.0/22", "rangeStart": "$pods.10"}]], "routes": [{"dst": "10.96.0.0/24"}, {"dst": "${address%.*}.0/30"}]}}]}
END

# --- the store, and the runtime of containers; every pull goes to the host's end of the link, where a test may answer it
keep etcd etcd --data-dir /run/etcd --unsafe-no-fsync --logger zap --log-level warn
cat >registry/_default/hosts.toml <<END
server = "http://${address%.*}.1:5999"
[host."http://${address%.*}.1:5999"]
  capabilities = ["pull", "resolve"]
END
cat >containerd.toml <<END
version = 2
root = "$folder/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "/run/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "cowait.test/pause:1"
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$folder/registry"
END
keep containerd containerd --config containerd.toml
{
  await 30 containerd ctr --address /run/containerd.sock version
  ctr --address /run/containerd.sock --namespace k8s.io images import "$images" >log/images 2>&1
} &
importing=$!

# --- the control plane
keep apiserver "$kube" kube-apiserver --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 --advertise-address="$gateway" \
  --endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/24 --authorization-mode=Node,RBAC \
  --client-ca-file=pki/ca.crt --token-auth-file=pki/tokens.csv --tls-cert-file=pki/api.crt --tls-private-key-file=pki/api.key \
  --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file=pki/accounts.key --service-account-signing-key-file=pki/accounts.key --profiling=false
await 60 'API server' sh -c "[ \"\$(curl -s --cacert pki/ca.crt $api/readyz)\" = ok ]"
keep controllers "$kube" kube-controller-manager --kubeconfig=pki/controllers.kubeconfig --use-service-account-credentials \
  --leader-elect=false --secure-port=0 --service-account-private-key-file=pki/accounts.key --root-ca-file=pki/ca.crt \
  --node-monitor-period=1s --node-monitor-grace-period=20s
keep scheduler "$kube" kube-scheduler --kubeconfig=pki/scheduler.kubeconfig --leader-elect=false --secure-port=0

# --- the node
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir "/sys/fs/cgroup/$group"
  for part in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$part" | tee /sys/fs/cgroup/cgroup.subtree_control "/sys/fs/cgroup/$group/cgroup.subtree_control" >/dev/null 2>&1 || true
  done
else
  for hierarchy in /sys/fs/cgroup/*/; do mkdir "$hierarchy$group" 2>/dev/null || true; done
fi
cat >kubelet.yaml <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $gateway
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /$group
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
makeIPTablesUtilChains: false
serializeImagePulls: false
registryPullQPS: 0
containerRuntimeEndpoint: unix:///run/containerd.sock
resolvConf: ""
nodeStatusUpdateFrequency: 4s
nodeLeaseDurationSeconds: 16
shutdownGracePeriod: 0s
volumePluginDir: /var/lib/kubelet/plugins
maxPods: 250
kubeAPIQPS: 200
kubeAPIBurst: 400
END
# Its folder holds the volumes of pods: on a disk as on other nodes, where files do not count as their memory.
keep kubelet "$kube" kubelet --config=kubelet.yaml --root-dir="$folder/kubelet" --kubeconfig=pki/node.kubeconfig --hostname-override=node1 --node-ip="$gateway"

wait "$importing"
ready='jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints}'
is_ready() { [ "$(kubectl get node node1 -o "$ready")" = True ]; }
await 60 node is_ready
await 60 'service account' kubectl get serviceaccount default
touch ready
if [ -n "${GUARD:-}" ]; then cat <&7 >/dev/null & else sleep infinity & fi
wait $!
