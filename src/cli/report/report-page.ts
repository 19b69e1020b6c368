import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownPackage } from '../../project/package-root.ts'
import type { ReportData } from './report-types.ts'

/** One HTML page that needs nothing else: no network, no server. */
export function reportPage(data: ReportData): string {
  const folder = join(ownPackage().root, 'dist', 'report')
  const script = readFileSync(join(folder, 'main.js'), 'utf8').replaceAll('</script', String.raw`<\/script`)
  const style = readFileSync(join(folder, 'main.css'), 'utf8').replaceAll('</style', String.raw`<\/style`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${escapeHtml(data.title)} · cowait</title>
<style>
${style}</style>
</head>
<body>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', String.raw`\u003c`)}</script>
<script>
${script}</script>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
