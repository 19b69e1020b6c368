/** Pods by bare calls of the cluster's API, as the floor for what runs on Kubernetes. Tokens and certificates of a kubeconfig only. */
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { WebSocket } from 'ws'
import { parse } from 'yaml'

const port = 48_765
const end = 'process.on("SIGTERM",()=>process.exit())'
const program = `require("net").createServer((s)=>s.end("42")).listen(${port},"127.0.0.1");${end}`
/** Whoever is to be heard while the user's code loops, and after it has crashed, runs it in a process of its own. */
const guarding = `const c=require("child_process").spawn(process.execPath,["-p","42"]);c.stdout.once("data",(b)=>require("net").createServer((s)=>s.end(b)).listen(${port},"127.0.0.1"));${end}`
const tries = { everyMs: 20, forMs: 60_000 }

let known

/** Why nothing can be measured here, if so. */
export function withoutKubernetes() {
  const path = process.env.KUBECONFIG
  return path && existsSync(path) ? undefined : 'KUBECONFIG names no file'
}

function cluster() {
  if (known) return known
  const config = parse(readFileSync(process.env.KUBECONFIG, 'utf8'))
  const { context } = config.contexts.find(({ name }) => name === config['current-context'])
  const { cluster: place } = config.clusters.find(({ name }) => name === context.cluster)
  const { user } = config.users.find(({ name }) => name === context.user)
  const file = (from, key) => {
    if (from[`${key}-data`]) return Buffer.from(from[`${key}-data`], 'base64')
    return from[key] ? readFileSync(from[key]) : undefined
  }
  const tls = { ca: file(place, 'certificate-authority'), cert: file(user, 'client-certificate'), key: file(user, 'client-key') }
  const headers = user.token ? { authorization: `Bearer ${user.token}` } : {}
  const pods = `/api/v1/namespaces/${context.namespace ?? 'default'}/pods`
  known = { server: place.server, pods, tls, headers, agent: new Agent({ keepAlive: true, ...tls }) }
  return known
}

async function call(method, path, body) {
  const { server, headers, agent } = cluster()
  const text = body === undefined ? '' : JSON.stringify(body)
  const sent = request(server + path, {
    method,
    agent,
    headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
  }).end(text)
  const [response] = await once(sent, 'response')
  let answer = ''
  for await (const chunk of response.setEncoding('utf8')) answer += chunk
  if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${answer}`)
  return JSON.parse(answer)
}

/** True when the program in the pod has said its word. */
function hear(pod) {
  const { server, tls, headers } = cluster()
  const address = `${server.replace(/^http/, 'ws')}${pod}/portforward?ports=${port}`
  const socket = new WebSocket(address, ['v4.channel.k8s.io'], { ...tls, headers, perMessageDeflate: false })
  return new Promise((resolve) => {
    socket.on('message', (bytes) => {
      // Two bytes of the port's number come first.
      if (bytes[0] !== 0 || !bytes.subarray(1).includes('42')) return
      resolve(true)
      socket.terminate()
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}

/** What a worker may do and no more, and a Node that guards another one. */
const closed = {
  program: guarding,
  pod: {
    securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  },
  container: { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
}

/** As `callPod`, with the rights of a worker, and its two Nodes. */
export const callClosedPod = (starting) => callPod(starting, closed)

/** A pod whose Node says one thing to who connects: resolves when it was heard, and the pod has been deleted. */
export async function callPod(starting = (start) => start(), more = {}) {
  const worker = {
    name: 'worker',
    image: 'node:24-slim',
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '-e', more.program ?? program],
  }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'bench-' },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      containers: [{ ...worker, ...more.container }],
      ...more.pod,
    },
  }
  const path = await starting(async () => {
    const { pods } = cluster()
    const { metadata } = await call('POST', pods, pod)
    const made = `${pods}/${metadata.name}`
    const deadline = Date.now() + tries.forMs
    while (!(await hear(made))) {
      if (Date.now() > deadline) throw new Error(`${made} said nothing within ${tries.forMs / 1000} s.`)
      await new Promise((resolve) => setTimeout(resolve, tries.everyMs))
    }
    return made
  })
  await call('DELETE', `${path}?gracePeriodSeconds=0`)
}
