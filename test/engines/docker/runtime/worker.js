// A worker program that speaks no protocol: a line on the channel is a command, an answer is a line of JSON.
import { execSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { networkInterfaces, hostname } from 'node:os'
import { Socket, createServer, connect } from 'node:net'

const writeAll = (fd, bytes) => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}
const say = (value) => writeAll(3, Buffer.from(JSON.stringify(value) + '\n'))
const attempt = (what) => {
  try {
    return what() ?? true
  } catch (error) {
    return { error: error.code ?? error.message }
  }
}
const cgroup = (...files) => files.filter(existsSync).map((file) => readFileSync(file, 'utf8').trim())[0]

const commands = {
  ready: () => 'yes',
  echo: (text) => text,
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
  shell: (line) => execSync(line, { stdio: ['inherit', 'pipe', 'inherit'] }).toString(),
  inherit: (line) => void execSync(line, { stdio: 'inherit' }),
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  write: (path) => attempt(() => writeFileSync(path, 'written')),
  exit: (code) => process.exit(code),
  loop: () => {
    say('looping')
    for (;;);
  },
  kill: (signal) => void process.kill(process.pid, signal),
  abort: () => process.abort(),
  eat: (mib) => {
    say('eating')
    const eaten = []
    for (let i = 0; i < mib; i++) eaten.push(Buffer.alloc(1 << 20, 1))
    say(eaten.length)
  },
  stubborn: () => {
    process.on('SIGTERM', () => process.stdout.write('asked\n'))
  },
  polite: (code) => {
    process.on('SIGTERM', () => {
      process.stdout.write('going\n')
      process.exit(code)
    })
  },
  import: async (name) => {
    try {
      return Object.fromEntries(Object.entries(await import(name)).filter(([, value]) => typeof value === 'string'))
    } catch (error) {
      return { error: error.code }
    }
  },
  resolveFromCode: async (specifier) => {
    const { probe } = await import(`${process.cwd()}/resolve.js`)
    return probe(specifier)
  },
  listen: async (port) => {
    await new Promise((resolve) => createServer((socket) => socket.end('hello')).listen(port, '0.0.0.0', resolve))
    return Object.values(networkInterfaces())
      .flat()
      .find((one) => !one.internal && one.family === 'IPv4')?.address
  },
  connect: ({ host, port }) =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: 1500 })
      socket.on('data', (data) => resolve(data.toString()))
      socket.on('error', (error) => resolve({ error: error.code }))
      socket.on('timeout', () => resolve({ error: 'timeout' }))
    }),
  flood: (mib) => {
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < mib * 1024; i++) {
      if (i % 64 === 0) writeFileSync('/tmp/printed', String(i))
      writeAll(1, Buffer.from(line))
    }
  },
  info: () => ({
    uid: process.getuid(),
    gid: process.getgid(),
    cwd: process.cwd(),
    env: process.env,
    hostname: hostname(),
    pid: process.pid,
    status: readFileSync('/proc/self/status', 'utf8'),
    argv: process.argv,
    cpuQuota: cgroup('/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us'),
    memory: cgroup('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'),
    pids: cgroup('/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max'),
    interfaces: Object.keys(networkInterfaces()),
    hosts: readFileSync('/etc/hosts', 'utf8'),
    socket: existsSync('/var/run/docker.sock'),
  }),
  orphans: async () => {
    for (let i = 0; i < 5; i++) spawn('sh', ['-c', 'sleep 0.05 & exit 0'], { stdio: 'ignore' })
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const states = execSync('cat /proc/[0-9]*/stat 2>/dev/null || true').toString()
      if (!/sleep/.test(states)) return (states.match(/\) Z /g) ?? []).length
    }
  },
}

let rest = ''
for await (const chunk of new Socket({ fd: 4, writable: false }).setEncoding('utf8')) {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const line of lines) {
    const [name, argument] = JSON.parse(line)
    say((await commands[name](argument)) ?? null)
  }
}
say('channel ended')
setInterval(() => {}, 1000)
