/** Containers by bare calls of the engine's API, as the floor for what runs in Docker. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'

export const image = 'node:24-slim'

const socketPath = (process.env.DOCKER_HOST ?? '').replace(/^unix:\/\//, '') || '/var/run/docker.sock'
const agent = new Agent({ keepAlive: true })
const headBytes = 8

/** Why nothing can be measured here, if so. */
export function withoutDocker() {
  try {
    execFileSync('docker', ['image', 'inspect', image], { stdio: 'ignore' })
    return undefined
  } catch {
    return `there is no Docker engine with image ${image}`
  }
}

async function call(method, path, body) {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  const sent = request({ socketPath, agent, method, path, headers }).end(text)
  const [response] = await once(sent, 'response')
  let answer = ''
  for await (const chunk of response.setEncoding('utf8')) answer += chunk
  if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${answer}`)
  return answer === '' ? undefined : JSON.parse(answer)
}

/** Starts a container that Docker removes when it ended. `printed` takes what it prints, in chunks. */
export async function startContainer(command, printed, host = {}) {
  const { Id } = await call('POST', '/containers/create', {
    Image: image,
    Cmd: command,
    AttachStdin: true,
    AttachStdout: true,
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: { AutoRemove: true, LogConfig: { Type: 'none' }, ...host },
  })
  const path = `/containers/${Id}/attach?stream=1&stdin=1&stdout=1`
  const sent = request({ socketPath, agent: false, method: 'POST', path, headers: { connection: 'Upgrade', upgrade: 'tcp' } }).end()
  const [, socket, head] = await once(sent, 'upgrade')
  const left = { head: 0, body: 0 }
  const take = (chunk) => printed(payloadOf(chunk, left))
  if (head.length > 0) take(head)
  socket.on('data', take)
  socket.on('error', () => socket.destroy())
  const gone = call('POST', `/containers/${Id}/wait?condition=removed`).finally(() => socket.destroy())
  await call('POST', `/containers/${Id}/start`)
  return { id: Id, socket, gone }
}

/** How many bytes of a chunk are what the container printed, and not heads of the stream's frames. */
function payloadOf(chunk, left) {
  let at = 0
  let payload = 0
  while (at < chunk.length) {
    if (left.body > 0) {
      const part = Math.min(left.body, chunk.length - at)
      left.body -= part
      payload += part
      at += part
      continue
    }
    left.size = ((left.size ?? 0) << 8) | chunk[at++]
    if (++left.head === headBytes) {
      left.body = left.size >>> 0
      left.head = 0
      left.size = 0
    }
  }
  return payload
}

/** A Node that says one thing and ends: resolves when it said so, `gone` when nothing is left of it. */
export async function startNode(starting = (start) => start()) {
  let ready
  const said = new Promise((resolve) => (ready = resolve))
  const { gone } = await starting(() => startContainer(['node', '-e', 'process.stdout.write("42")'], ready))
  await said
  return { gone }
}

/** As workers have it: out to the internet, but not to each other. Gives the network's name to `work`, and removes it. */
export async function withIsolatedNetwork(work) {
  const name = `bench-${process.pid}`
  const made = call('POST', '/networks/create', { Name: name, Options: { 'com.docker.network.bridge.enable_icc': 'false' } })
  const result = await work(made.then(() => name))
  // The engine does that whether or not somebody waits.
  const sent = request({ socketPath, agent: false, method: 'DELETE', path: `/networks/${name}` }).end()
  await once(sent, 'finish')
  return result
}

/** What a worker may do and no more. */
const closed = {
  NetworkMode: 'none',
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges'],
  PidsLimit: 1024,
  Tmpfs: { '/tmp': 'rw,exec,nosuid,nodev,mode=1777' },
}

/** As `startNode`, with the rights and the network of a worker, in as few steps as can be. */
export async function startIsolated(network, starting = (start) => start()) {
  let answered
  const said = new Promise((resolve) => (answered = resolve))
  const program = 'process.stdin.once("data", () => { process.stdout.write("42"); process.exit() })'
  const { socket, gone } = await starting(async () => {
    const container = await startContainer(['node', '-e', program], answered, closed)
    await call('POST', '/networks/none/disconnect', { Container: container.id })
    await call('POST', `/networks/${await network}/connect`, { Container: container.id })
    return container
  })
  socket.write('go')
  await said
  return { gone }
}

/** One of these, from nothing to nothing. */
export async function runIsolated() {
  await withIsolatedNetwork(async (network) => await (await startIsolated(network)).gone)
  agent.destroy()
}

/** Lets so many at once through. */
export function gate(width) {
  let free = width
  const waiting = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
