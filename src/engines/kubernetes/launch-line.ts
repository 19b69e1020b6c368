/**
 * What a worker's container runs: a shell that waits, and a few hundred bytes of Node that take the real program from the supervisor.
 *
 * 1. The shell is process 1: it passes SIGTERM on, reaps what is orphaned, and ends with the program's own code.
 * 2. The program listens on the pod's loopback, where a forwarded port comes out. A connection begins with a token; only the token's
 *    hash stands in the pod's description, so whoever may read that can do nothing with it.
 * 3. Then come four bytes, the length of the program's text (pod/main.ts), and the text.
 * 4. It runs once. A connection that another one overtook, while the stream of the first was breaking, is the program's from then on.
 * 5. Who is not asked for within a minute leaves.
 */
export const port = 48_765

const bootMs = 60_000
export const notFoundCode = 127

// `wait` comes back early when a signal was trapped, so it is asked again until the program is really gone.
const shell = `command -v node >/dev/null 2>&1 || { echo "node: not found in this image" >&2; exit ${notFoundCode}; }
mkfifo -m 600 "$1" || exit 1
node -e "$2" "$3" "$1" & p=$!
trap 'kill -TERM $p 2>/dev/null' TERM
while :; do wait $p 2>/dev/null; c=$?; kill -0 $p 2>/dev/null || break; done 2>/dev/null
exit $c`

const bootstrap = `let ran,c=require("crypto"),[,hash,pipe]=process.argv,T=setTimeout(()=>process.exit(1),${bootMs}),
server=require("net").createServer(socket=>{let b=Buffer.alloc(0);socket.on("error",()=>{});socket.on("data",function f(d){b=Buffer.concat([b,d]);
if(ran){socket.off("data",f);server.emit("connection",socket);return socket.emit("data",b)}
if(b.length<32)return;if(!c.timingSafeEqual(c.createHash("sha256").update(b.subarray(0,32)).digest(),Buffer.from(hash,"hex")))return socket.destroy();
const n=b.length<36?0:36+b.readUInt32BE(32);if(n<37||b.length<n)return;socket.off("data",f);clearTimeout(T);ran=1;
new Function("require","launched",b.toString("utf8",36,n))(require,{server,socket,hash,pipe,rest:b.subarray(n)})})}).listen(${port},"127.0.0.1")`

/** The container's command. `hash` is the SHA-256 of the token, hex; `folder` can be written to. */
export function launchLine(hash: string, folder: string): string[] {
  return ['sh', '-c', shell, 'cowait', `${folder}/.out`, bootstrap, hash]
}
