/** What others offer, on the same machine. They are no dependencies of this package: they are installed into a temporary folder for the time of a benchmark. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { root } from './spawned.mjs'

const programs = join(root, 'bench/peers')
const silent = { stdio: ['ignore', 'ignore', 'inherit'] }

/** Packages of npm in a folder with our programs that use them. */
export function installNpm(...packages) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-peer-'))
  cpSync(programs, folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packages], {
    cwd: folder,
    ...silent,
  })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

export function without(...commands) {
  const missing = commands.find((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0)
  return missing && `it needs ${missing}`
}

/** The number that a program printed. */
export async function numberOf(folder, ...args) {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, printed, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`${args[0]} ended with exit code ${code}.\n${printed.slice(-10_000)}`)
  return Number(output)
}

/** A Redis server of one's own on a socket. */
export async function startRedis(folder) {
  const socket = join(folder, 'redis.sock')
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder], silent)
  for (let turn = 0; !existsSync(socket); turn++) {
    if (turn > 100 || server.exitCode !== null) throw new Error('redis-server did not start.')
    await pause(50)
  }
  return {
    socket,
    async stop() {
      server.kill()
      await once(server, 'exit')
    },
  }
}

/**
 * The original Cowait, the Python package, in a virtual environment, with a project of two tasks. Its image is made of a minimal Debian where
 * the engine has none of that name, and stays.
 */
export function installOriginal(version, image) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-peer-'))
  const pip = join(folder, 'venv/bin/pip')
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')], silent)
  execFileSync(pip, ['install', '-q', `cowait==${version}`], silent)
  if (spawnSync('docker', ['image', 'inspect', image]).status !== 0) makeImage(folder, pip, version, image)
  const project = join(folder, 'project')
  mkdirSync(project)
  for (const file of ['hello.py', 'many.py']) cpSync(join(programs, file), join(project, file))
  writeFileSync(join(project, 'cowait.yml'), `version: 1\ncowait:\n  image: ${image}\n`)
  return {
    project,
    program: join(folder, 'venv/bin/cowait'),
    remove() {
      const containers = execFileSync('docker', ['ps', '-aq', '--filter', `ancestor=${image}`], { encoding: 'utf8' })
        .split('\n')
        .filter(Boolean)
      if (containers.length > 0) spawnSync('docker', ['rm', '-f', ...containers])
      // Its own, which it never removes.
      spawnSync('docker', ['network', 'rm', 'cowait'])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function makeImage(folder, pip, version, image) {
  const files = join(folder, 'root')
  execFileSync('debootstrap', ['--variant=minbase', '--include=python3,ca-certificates', 'bookworm', files], silent)
  execFileSync('ln', ['-s', 'python3', join(files, 'usr/bin/python')])
  mkdirSync(join(files, 'opt/site'))
  mkdirSync(join(files, 'var/task'))
  execFileSync(pip, ['install', '-q', `--target=${join(files, 'opt/site')}`, `cowait==${version}`], silent)
  const changes = ['ENV PYTHONPATH=/opt/site', 'WORKDIR /var/task', 'CMD ["python","-um","cowait.worker"]'].flatMap((line) => [
    '--change',
    line,
  ])
  execFileSync('sh', ['-c', 'tar -C "$0" -c . | docker import "$@"', files, ...changes, '-', image], silent)
}
