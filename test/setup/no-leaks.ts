/**
 * Gives each file of tests a temporary folder of its own, and looks from outside when the file has ended: no process that it started
 * may live, nothing may lie in that folder.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, expect } from 'vitest'

const GONE_MS = 10_000
/** What is compiled, for runs to come. */
const kept = [/^cowait-cache-\d+$/, /^cowait-\d+\/code-[^/]+$/, /^node-compile-cache$/]

const outer = process.env['TMPDIR']
const outerRuntime = process.env['XDG_RUNTIME_DIR']
// Short: a socket's path has at most 107 characters.
const folder = mkdtempSync(join(tmpdir(), 'cw-'))
chmodSync(folder, 0o755)
process.env['TMPDIR'] = folder
delete process.env['XDG_RUNTIME_DIR']

afterAll(async () => {
  const deadline = performance.now() + GONE_MS
  let left = leftovers()
  for (; left.length > 0 && performance.now() < deadline; left = leftovers()) await pause(50)
  restore('TMPDIR', outer)
  restore('XDG_RUNTIME_DIR', outerRuntime)
  rmSync(folder, { recursive: true, force: true })
  if (left.length > 0) throw new Error(`This file of tests leaves behind:\n${left.slice(0, 20).join('\n')}`)
}, 60_000)

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

/** The examples call tasks as a script does: the supervisor of a script, and its guard, end with the process. */
function leftovers(): string[] {
  const left = [...processes(), ...files()]
  if (!expect.getState().testPath?.includes('/examples/')) return left
  const guard = left.find((one) => one.includes(` guard ${folder}/`) && one.includes(`COWAIT_WORKER=${process.pid}-`))
  const [, path = ''] = / guard (\S+)/.exec(guard ?? '') ?? []
  return left.filter((one) => one !== guard && one !== path)
}

function files(): string[] {
  const all = readdirSync(folder).flatMap((name) => (/^cowait-\d+$/.test(name) ? inside(name) : [name]))
  return all.filter((path) => !kept.some((pattern) => pattern.test(path))).map((path) => join(folder, path))
}

function inside(name: string): string[] {
  return readdirSync(join(folder, name)).map((each) => join(name, each))
}

/** Below this process, or with its temporary folder among their variables. */
function processes(): string[] {
  if (process.platform !== 'linux') return []
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(name, 'stat') : ''
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (stat !== '' && state !== 'Z') parents.set(Number(name), Number(parent))
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent !== undefined && (parent === process.pid || isBelow(parent))
  }
  return [...parents.keys()]
    .filter((pid) => pid !== process.pid && (isBelow(pid) || read(pid, 'environ').includes(`TMPDIR=${folder}`)))
    .map((pid) => ({ pid, command: read(pid, 'cmdline').replaceAll('\0', ' ') }))
    .filter(({ command }) => command !== '' && !isCompiler(command))
    .map(({ pid, command }) => `process ${pid}: ${command.slice(0, 200)}`)
}

/** It lives as long as the process that uses it. */
function isCompiler(command: string): boolean {
  return /\/esbuild\b.* --service=/.test(command)
}

function read(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
