/**
 * What compiled code needs when it runs: it finds the compiled form of modules whose names only show then.
 * A tree that needs it carries it along, so a tree runs wherever it is brought.
 */
export const RUNTIME_PATH = '.cowait/resolve.cjs'

export const RUNTIME_CODE = `'use strict'
const { statSync } = require('node:fs')
const { dirname, extname, join, relative, resolve, sep } = require('node:path')
const { fileURLToPath, pathToFileURL } = require('node:url')

const tree = dirname(__dirname)
const home = tree.split(sep).slice(-4, -1).join('/') === '.cowait/cache/trees' ? resolve(tree, '../../../..') : undefined
const endings = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx', '.json']
const aliases = { '.js': ['.ts', '.tsx', '.jsx'], '.mjs': ['.mts'], '.cjs': ['.cts'], '.jsx': ['.tsx'] }

function isFile(path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats !== undefined && stats.isFile()
}

/** The file that runs for a source: the compiled one beside it, else itself. */
function compiled(path) {
  const ending = extname(path)
  if (/^\\.(?:[cm]?ts|tsx|jsx|js)$/.test(ending)) for (const format of ['.mjs', '.cjs']) if (isFile(path + format)) return path + format
  return path
}

function find(path) {
  if (isFile(path)) return compiled(path)
  const ending = extname(path)
  for (const alias of aliases[ending] || []) {
    const source = path.slice(0, -ending.length) + alias
    if (isFile(source)) return compiled(source)
  }
  for (const base of [path, join(path, 'index')]) for (const each of endings) if (isFile(base + each)) return compiled(base + each)
}

/** A path in the user's own folder means the same file of this version. */
function inTree(path) {
  const below = home === undefined ? '' : relative(home, path)
  return below === '' || below.startsWith('..') || below.startsWith('.cowait') || below.split(sep).includes('node_modules') ? path : join(tree, below)
}

function isInTree(path) {
  const below = relative(tree, path)
  return !below.startsWith('..') && !below.split(sep).includes('node_modules')
}

/** The file to load for a path; undefined leaves the path as it is. */
function load(path) {
  const own = inTree(path)
  return isInTree(own) ? find(own) : undefined
}

exports.wrapRequire = function wrapRequire(require, directory, table) {
  const map = (specifier) => {
    if (typeof specifier !== 'string') return specifier
    if (Object.hasOwn(table, specifier)) {
      const { refusal } = table[specifier]
      if (refusal !== undefined) throw Object.assign(new Error(refusal), { code: 'MODULE_NOT_FOUND' })
      return join(directory, table[specifier])
    }
    return (/^\\.{0,2}\\/|^\\.{1,2}$/.test(specifier) && load(resolve(directory, specifier))) || specifier
  }
  const wrapped = (specifier) => require(map(specifier))
  return Object.assign(wrapped, require, { resolve: Object.assign((specifier, options) => require.resolve(map(specifier), options), { paths: require.resolve.paths }) })
}

exports.dynamicImport = async function dynamicImport(base, specifier, options, run) {
  const text = String(specifier)
  if (!/^(?:\\.{0,2}\\/|file:)/.test(text)) return run(text, options)
  const url = new URL(text, base)
  const file = load(fileURLToPath(url))
  if (file === undefined) return run(url.href, options)
  if (file.endsWith('.json')) return Object.freeze({ __proto__: null, default: require(file), [Symbol.toStringTag]: 'Module' })
  return run(pathToFileURL(file).href + url.search + url.hash, options)
}
`
