import { createServer } from 'node:http'
import { isMain, session, timeout } from 'cowait'
import { load } from './pages.ts'

async function answer(url = '/'): Promise<string> {
  try {
    return await timeout('10s', () => load({ page: url }))
  } catch (error) {
    return String(error)
  }
}

if (isMain(import.meta)) {
  await using jobs = session({ name: 'web' })
  const server = createServer((request, response) => void answer(request.url).then((page) => response.end(page)))
  jobs.run(() => server.listen(Number(process.env['PORT'] ?? 0), () => console.log(server.address())))
  await new Promise((resolve) => process.once('SIGTERM', resolve))
  server.close()
}
