/** The folders that cowait makes itself for a container: a manifest for its runtime, and a link by which code finds it. */
import { createHash, randomUUID } from 'node:crypto'
import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import type { Tree } from '../../core/tree.ts'
import type { Layout, Part } from './code-layout.ts'

/** Where what is made of a tree is kept. */
export function cacheOf({ root, cacheFolder = join(root, '.cowait/cache') }: Tree): string {
  return cacheFolder
}

/** Folders of this project that are made once and never changed; the name tells the content. */
export class MadeFolders {
  readonly #directory: string
  /** Where the versions of the code lie side by side. */
  readonly #versions: string

  constructor(tree: Tree) {
    this.#directory = join(cacheOf(tree), 'docker')
    this.#versions = dirname(tree.directory)
  }

  get directory(): string {
    mkdirSync(this.#directory, { recursive: true })
    return this.#directory
  }

  /** The host's folder behind a part of the layout. */
  sourceOf(part: Part, { tree, layout, runtimeDirectory }: { tree: Tree; layout: Layout; runtimeDirectory: string }): string {
    if (part.content === 'package') return this.#package(runtimeDirectory)
    if (part.content === 'link') return this.#link(posix.relative(part.target, layout.packageTarget))
    if (part.content === 'code') return this.#code(tree, layout)
    return part.source ?? ''
  }

  #package(runtimeDirectory: string): string {
    const manifest = ownManifest(runtimeDirectory)
    return this.#once('package', manifest, (folder) => {
      writeFileSync(join(folder, 'package.json'), manifest)
      mkdirSync(join(folder, basename(runtimeDirectory)))
    })
  }

  #link(to: string): string {
    return this.#once('link', to, (folder) => symlinkSync(to, join(folder, 'cowait')))
  }

  /** The tree itself where everything can be mounted on it, else a copy (by hard links) that has the folders for that. */
  #code(tree: Tree, { mountPoints }: Layout): string {
    if (mountPoints.every((point) => lstatSync(join(tree.directory, point), { throwIfNoEntry: false })?.isDirectory()))
      return tree.directory
    return this.#once(`code-${basename(tree.directory)}`, `${tree.hash}\n${mountPoints.join('\n')}`, (folder) => {
      for (const { path } of tree.files) {
        const target = join(folder, path)
        mkdirSync(dirname(target), { recursive: true })
        try {
          linkSync(join(tree.directory, path), target)
        } catch {
          cpSync(join(tree.directory, path), target)
        }
      }
      for (const point of mountPoints) mkdirSync(join(folder, point), { recursive: true })
    })
  }

  /** A copy of the code goes with the version that it is of, which stays for as long as it is in use; the others by their age. */
  #removeOld(): void {
    for (const name of readdirSync(this.directory)) {
      const path = join(this.directory, name)
      const [, version] = /^code-(.+)-\w+$/.exec(name) ?? []
      if (version !== undefined && existsSync(join(this.#versions, version))) continue
      const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (ageMs > (name.startsWith('code-') ? unfinishedMs : keptMs)) rmSync(path, { recursive: true, force: true })
    }
  }

  #once(kind: string, content: string, make: (folder: string) => void): string {
    const folder = join(this.directory, `${kind}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`)
    if (existsSync(folder)) {
      const now = new Date()
      utimesSync(folder, now, now)
      return folder
    }
    this.#removeOld()
    const unfinished = `${folder}.${randomUUID()}`
    mkdirSync(unfinished)
    try {
      make(unfinished)
      renameSync(unfinished, folder)
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true })
      // Another process made the same meanwhile.
      if (!existsSync(folder)) throw error
    }
    return folder
  }
}

/** Longer than any run that may still have one mounted. */
const keptMs = 14 * 24 * 3_600_000
/** Longer than it takes to make one. */
const unfinishedMs = 3_600_000

interface Manifest {
  readonly version?: string
  readonly exports?: unknown
}

export function ownManifest(runtimeDirectory: string): string {
  let real: Manifest = {}
  try {
    real = JSON.parse(readFileSync(join(dirname(runtimeDirectory), 'package.json'), 'utf8')) as Manifest
  } catch {
    // A runtime without its package: the main entry is all that it can have.
  }
  const { version = '0.0.0', exports = { '.': `./${basename(runtimeDirectory)}/index.js` } } = real
  return `${JSON.stringify({ name: 'cowait', version, type: 'module', exports }, undefined, 2)}\n`
}
