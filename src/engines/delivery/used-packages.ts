/**
 * Which installed packages a version of the program can load: those that its files name, those that its manifests declare, and what
 * those depend on. A folder of dependencies is mostly tools, and whoever sends it over a network sends every byte for every worker.
 */
import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import type { Tree } from '../../core/tree.ts'

/** A package's folder on this host; a link leads to it. */
export interface UsedPackage {
  /** Where Node finds it: `…/node_modules/NAME`. */
  readonly place: string
  /** The same, links followed. */
  readonly folder: string
}

interface Manifest {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** Reads the program's files and the manifests of packages; our own package is left out, and so are mere types. */
export function usedPackages(tree: Tree): UsedPackage[] {
  const root = realpathSync(tree.root)
  const found = new Map<string, UsedPackage>()
  const seen = new Set<string>()
  const add = (name: string, from: string): void => {
    if (name === 'cowait' || name.startsWith('@types/') || seen.has(`${from}\n${name}`)) return
    seen.add(`${from}\n${name}`)
    const place = locate(name, from)
    if (place === undefined) return
    const folder = realpathSync(place)
    // A linked package of the workspace is part of the code; one from elsewhere is not.
    if (!folder.split(sep).includes('node_modules') && placeIn(root, folder) !== undefined) return
    if (found.has(place)) return
    found.set(place, { place, folder })
    for (const dependency of declared(join(folder, 'package.json'))) add(dependency, folder)
  }
  for (const { path } of tree.files) {
    const from = join(root, dirname(path))
    if (path.endsWith('package.json')) for (const name of declared(join(tree.directory, path))) add(name, from)
    if (/\.[cm]?js$/.test(path)) for (const name of named(join(tree.directory, path))) add(name, from)
  }
  return [...found.values()]
}

/** The folders and links below `place`'s own folder are given relative to `folder`; nested dependencies are packages of their own. */
export function packageFiles(folder: string): string[] {
  const files: string[] = []
  const visit = (inside: string): void => {
    const entries = readdirSync(join(folder, inside), { withFileTypes: true })
    const names = new Set(entries.map(({ name }) => name))
    for (const entry of entries) {
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && entry.name !== '.git') visit(path)
      } else if (entry.isFile() && !isForToolsOnly(entry.name, names)) files.push(path)
    }
  }
  visit('')
  return files
}

/** Declarations and source maps beside the file that they are of. */
function isForToolsOnly(name: string, beside: ReadonlySet<string>): boolean {
  const declaration = /^(.*)\.d\.([cm]?)ts(\.map)?$/.exec(name)
  if (declaration) return beside.has(`${declaration[1]}.${declaration[2]}js`)
  return name.endsWith('.map') && beside.has(name.slice(0, -'.map'.length))
}

function locate(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', name)
    if (!folder.endsWith(`${sep}node_modules`) && statSync(place, { throwIfNoEntry: false })?.isDirectory()) return place
    if (folder === dirname(folder)) return undefined
  }
}

/** An optional peer is there when the program itself has a use for it. */
function declared(manifest: string): string[] {
  try {
    const {
      dependencies,
      optionalDependencies,
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = JSON.parse(readFileSync(manifest, 'utf8')) as Manifest
    const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true)
    return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]
  } catch {
    return []
  }
}

const specifier = /(?:\bfrom|\bimport|\brequire|\bresolve)\s*\(?\s*(["'])([^"'./\n][^"'\n]*)\1/g

function named(file: string): Set<string> {
  const names = new Set<string>()
  for (const [, , text = ''] of readFileSync(file, 'utf8').matchAll(specifier)) {
    const [first = '', second = ''] = text.split('/')
    if (!text.includes(':')) names.add(first.startsWith('@') ? `${first}/${second}` : first)
  }
  return names
}

/** Whether `path` lies in `folder`; its place there with forward slashes, or undefined. */
export function placeIn(folder: string, path: string): string | undefined {
  const inside = relative(folder, path)
  return inside === '..' || inside.startsWith(`..${sep}`) ? undefined : inside.split(sep).join('/')
}
