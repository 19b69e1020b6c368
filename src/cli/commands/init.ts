import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { UsageError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { ownPackage } from '../../project/package-root.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { fanOut } from '../templates/fan-out.ts'
import { hello } from '../templates/hello.ts'
import { commonFiles, type Template } from '../templates/template.ts'
import { web } from '../templates/web.ts'

export interface InitFlags {
  readonly template?: string
  readonly yes?: boolean
  /** What `cowait` depends on in the new project, for those who try a version that is not published. */
  readonly package?: string
}

const templates: readonly Template[] = [hello, fanOut, web]

/** Writes a small project that works; never over files that are there. */
export async function init(folder: string | undefined, flags: InitFlags, io: Io): Promise<number> {
  const template = flags.template === undefined ? await askTemplate(flags, io) : findTemplate(flags.template)
  const root = resolve(io.cwd, folder ?? '.')
  mkdirSync(root, { recursive: true })
  const files = { ...commonFiles(packageName(root), flags.package ?? ownSpec(root), template), ...template.files }
  const taken = Object.keys(files).filter((file) => existsSync(join(root, file)))
  if (taken.length > 0)
    throw new UsageError(`cowait init: ${root} already has ${taken.join(', ')}. Choose an empty folder: cowait init my-project`)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, file), text)
  const { colours } = io.stderr
  const steps = [...(root === io.cwd ? [] : [`cd ${relative(io.cwd, root) || '.'}`]), 'npm install', `npx ${template.first}`]
  io.stderr.write(
    `${colours.green('created')} ${readdirSync(root).length} files in ${root}\n\n${steps.map((step) => `  ${step}\n`).join('')}\n`,
  )
  return exitCodes.done
}

function findTemplate(name: string): Template {
  const found = templates.find((template) => template.name === name)
  if (found) return found
  const names = templates.map((template) => template.name)
  throw new UsageError(`There is no template ${JSON.stringify(name)}.${didYouMean(name, names) || ` There are ${names.join(', ')}.`}`)
}

async function askTemplate({ yes }: InitFlags, io: Io): Promise<Template> {
  if (yes || !io.stdin.isTTY || !io.stderr.isTerminal || io.env['CI']) return hello
  const { isCancel, select } = await import('@clack/prompts')
  const options = templates.map((template) => ({ value: template, label: template.name, hint: template.about }))
  const chosen = await select({ message: 'Which template?', options, output: process.stderr })
  if (isCancel(chosen)) throw new UsageError('cowait init: nothing was created')
  return chosen
}

/** This version; where it was not installed from a registry, the file or folder that it came from. */
function ownSpec(root: string): string {
  const place = ownPlace()
  return place === undefined ? `^${ownPackage().version}` : `file:${relative(realpathSync(root), place)}`
}

function ownPlace(): string | undefined {
  const own = ownPackage().root
  const modules = dirname(own)
  if (basename(modules) !== 'node_modules') return own
  try {
    const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as Installed
    const resolved = packages?.[`node_modules/${basename(own)}`]?.resolved
    return resolved?.startsWith('file:') ? resolve(dirname(modules), resolved.slice('file:'.length)) : undefined
  } catch {
    return undefined
  }
}

/** What npm notes of what it installed. */
interface Installed {
  readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>
}

function packageName(root: string): string {
  return (
    basename(root)
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replace(/^[._-]+/, '') || 'tasks'
  )
}
