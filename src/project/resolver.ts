import { builtinModules } from 'node:module'
import { extname, join, relative } from 'node:path'
import { ResolverFactory, type NapiResolveOptions } from 'oxc-resolver'
import { leadsOut, toSlashes } from './folders.ts'
import { CODE_ENDINGS } from './source.ts'

/** What a specifier leads to. */
export type Target =
  /** A file of the tree, relative to its root, and what follows it in the specifier: `?a#b`. */
  | { readonly type: 'inside'; readonly path: string; readonly suffix: string }
  /** A file by a path that leads out of the tree. */
  | { readonly type: 'outside'; readonly path: string }
  /** A file of a package that is not part of the tree. */
  | { readonly type: 'package'; readonly path: string }

const OPTIONS: NapiResolveOptions = {
  tsconfig: 'auto',
  nodePath: false,
  mainFields: ['main'],
  extensionAlias: { '.js': ['.ts', '.tsx', '.js', '.jsx'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'], '.jsx': ['.tsx', '.jsx'] },
  extensions: [...CODE_ENDINGS, '.json', '.node'],
}

/** From JavaScript, `./a.js` means that file where it is there; TypeScript speaks of what will have been made of `a.ts`. */
const FROM_JAVASCRIPT: NapiResolveOptions = {
  extensionAlias: { '.js': ['.js', '.ts', '.tsx', '.jsx'], '.mjs': ['.mjs', '.mts'], '.cjs': ['.cjs', '.cts'], '.jsx': ['.jsx', '.tsx'] },
  extensions: ['.js', '.mjs', '.cjs', '.json', '.node', ...CODE_ENDINGS.filter((ending) => !/^\.[cm]?js$/.test(ending))],
}

const CONDITIONS = { import: ['node', 'import', 'module-sync', 'default'], require: ['node', 'require', 'module-sync', 'default'] }

/** Finds what the imports of a tree's files mean: by relative paths, `tsconfig.json`, `package.json` and workspace links. */
export class Resolver {
  readonly #treeRoot: string
  readonly #base: ResolverFactory = new ResolverFactory(OPTIONS)
  readonly #factories: Map<string, ResolverFactory> = new Map()

  constructor(treeRoot: string) {
    this.#treeRoot = treeRoot
  }

  /** Undefined for what is Node's own, is no file, or is not there: it stays as it is written. */
  resolve(importer: string, specifier: string, kind: 'import' | 'require', conditions: readonly string[] = []): Target | undefined {
    if (isLeftToNode(specifier)) return undefined
    const { name, suffix } = kind === 'import' ? splitUrl(specifier) : { name: specifier, suffix: '' }
    const file = join(this.#treeRoot, importer)
    const found = this.#find(file, name, [...conditions, ...CONDITIONS[kind]], true)
    if (found === undefined) return undefined
    const path = this.#inside(found)
    if (path !== undefined && isOwn(path)) return { type: 'inside', path, suffix }
    if (!/^(?:\.{1,2}(?:\/|$)|\/)/.test(name)) return { type: 'package', path: found }
    // A link to a file elsewhere: the tree holds a copy of it under the link's name.
    const linked = this.#find(file, name, [...conditions, ...CONDITIONS[kind]], false)
    const copy = linked === undefined ? undefined : this.#inside(linked)
    return copy === undefined ? { type: 'outside', path: found } : { type: 'inside', path: copy, suffix }
  }

  #inside(file: string): string | undefined {
    const path = toSlashes(relative(this.#treeRoot, file))
    return leadsOut(path) ? undefined : path
  }

  #find(importer: string, specifier: string, conditionNames: string[], followsLinks: boolean): string | undefined {
    const isTyped = /^\.(?:[cm]?ts|[jt]sx)$/.test(extname(importer))
    const key = `${conditionNames.join(' ')} ${isTyped} ${followsLinks}`
    let factory = this.#factories.get(key)
    if (!factory) {
      factory = this.#base.cloneWithOptions({
        ...OPTIONS,
        ...(isTyped ? {} : FROM_JAVASCRIPT),
        conditionNames,
        symlinks: followsLinks,
      })
      this.#factories.set(key, factory)
    }
    return factory.resolveFileSync(importer, specifier).path
  }
}

/** An import is a URL: `./a%20b.ts?v=1`. A name that begins with `#` is one of the package's own. */
function splitUrl(specifier: string): { readonly name: string; readonly suffix: string } {
  const [, name = '', suffix = ''] = /^(#?[^?#]*)(.*)$/s.exec(specifier) ?? []
  try {
    return { name: decodeURIComponent(name), suffix }
  } catch {
    return { name, suffix }
  }
}

/** Installed packages are not part of a tree, wherever they lie. */
function isOwn(path: string): boolean {
  return !path.split('/').includes('node_modules')
}

const builtins: ReadonlySet<string> = new Set(builtinModules)

export function isLeftToNode(specifier: string): boolean {
  return specifier === '' || /^[a-z][a-z0-9+.-]+:/i.test(specifier) || builtins.has(specifier)
}
