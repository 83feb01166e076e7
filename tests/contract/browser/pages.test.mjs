// The pages for people in a real browser. On the page that `cimg mock` serves, a
// person reads, authorizes, sends createCIMG and reads the response; the page that
// `make docs` makes is read from disk, without a network.
//
// SCREENSHOTS=folder keeps pictures, for eyes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { copyTo, forward, serve } from '../clients/servers.mjs'
import { snapshotUuid, startMock } from '../mock.mjs'

let mock, browser

before(async () => {
  mock = await startMock('--job-duration', '300ms')
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // which refuses to run as root, as CI does
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  })
})
after(async () => {
  await browser?.close()
  await mock?.stop()
})

/** Opens the mock's page; what it requests elsewhere, and its errors, fail the test. */
async function open(t, { url = mock.url, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  t.after(() => context.close())
  const page = await context.newPage()
  const strangers = [], errors = []
  page.on('request', (r) => { if (/^https?:/.test(r.url()) && !r.url().startsWith(url + '/')) strangers.push(r.url()) })
  page.on('pageerror', (e) => errors.push(e.message))
  page.on('console', (m) => { if (m.type() === 'error') errors.push(m.text()) })
  page.assertQuiet = () => assert.deepEqual({ strangers, errors }, { strangers: [], errors: [] })
  assert.equal((await page.goto(url + '/')).status(), 200)
  return page
}

async function shoot(page, name) {
  if (!process.env.SCREENSHOTS) return
  mkdirSync(process.env.SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) })
}

/** Opens createCIMG on the interactive page and returns its block. */
async function openCreate(page) {
  const create = page.locator('#operations-images-createCIMG')
  await create.locator('.opblock-summary-control').click()
  await create.locator('textarea').waitFor()
  return create
}

async function authorize(page, token) {
  await page.locator('button.authorize').first().click()
  const dialog = page.locator('.modal-ux')
  await dialog.waitFor()
  const logout = dialog.getByRole('button', { name: 'Remove authorization' })
  if (await logout.isVisible()) await logout.click() // of another token
  await dialog.locator('input').fill(token)
  await shoot(page, 'authorize')
  await dialog.locator('button[type=submit]').click()
  await dialog.locator('button.btn-done').click()
}

/** Sends a body and returns the response as it is shown. */
async function send(create, body) {
  if (body !== undefined) await create.locator('textarea').fill(body)
  await create.locator('button.execute').click()
  const response = create.locator('.live-responses-table .response')
  await response.locator('.response-col_description .microlight').first().waitFor()
  const shown = await response.locator('.response-col_description .microlight').first().innerText()
  return { status: (await response.locator('.response-col_status').innerText()).trim(), ...JSON.parse(shown) }
}

/** Waits until the page is authorized, as it is on load. */
const authorized = (page) => page.locator('button.authorize.locked').first().waitFor()

test('a person creates an image and reads the response, authorized on load', async (t) => {
  const page = await open(t)
  await page.getByText('nothing sent from here reaches DiDi Cloud').waitFor()
  await page.locator('p > code', { hasText: mock.token }).waitFor()
  await authorized(page)
  const curl = await page.locator('.info .description pre').first().innerText()
  assert.ok(curl.startsWith(`curl ${mock.url}/dicloud/`) && curl.includes(`Bearer ${mock.token}'`), `it can be copied: ${curl}`)
  await shoot(page, 'interactive')

  const create = await openCreate(page)
  const example = JSON.parse(await create.locator('textarea').inputValue())
  assert.equal(example.cimg[0].snapUuid, snapshotUuid, "the contract's example is what is sent unless it is edited")

  const sent = page.waitForRequest((r) => r.method() === 'POST')
  const response = await send(create)
  assert.equal((await sent).url(), mock.url + '/dicloud/i/storage/cimg/create')
  assert.equal(response.status, '200')
  assert.equal(response.errno, 0)
  assert.match(response.data[0].jobUuid, /^[0-9a-f]{32}$/)
  assert.equal(response.data[0].type, 'CreateCIMG')
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await shoot(page, 'created')
  page.assertQuiet()

  const jobs = await fetch(`${mock.url}/dicloud/i/result?regionId=gz&jobUuids=${response.data[0].jobUuid}`, {
    headers: { authorization: `Bearer ${mock.token}` },
  })
  assert.equal((await jobs.json()).data[0].jobUuid, response.data[0].jobUuid, 'the job is there')
})

test('a bad body is answered with the errno and the reason', async (t) => {
  const page = await open(t)
  await authorized(page)
  const create = await openCreate(page)

  const incomplete = await send(create, JSON.stringify({ regionId: 'gz', cimg: [{ name: 'web-01' }] }))
  assert.notEqual(incomplete.errno, 0)
  assert.match(incomplete.errmsg, /snapUuid/)
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await shoot(page, 'rejected')
  page.assertQuiet()
})

test('with a token that was chosen, the page is authorized by a person', async (t) => {
  const token = 'a-token-of-my-own'
  const { url, stop } = await startMock('--token', token)
  t.after(stop)
  const page = await open(t, { url })
  const create = await openCreate(page)
  for (const [shown, errno] of [[undefined, 4], ['f'.repeat(64), 4], [token, 0]]) {
    if (shown) await authorize(page, shown)
    assert.equal((await send(create)).errno, errno)
    await create.locator('button.btn-clear').click() // so that the next response is not taken for this one
  }
  page.assertQuiet()
})

test('on a phone, nothing is cut off at the side', async (t) => {
  const page = await open(t, { viewport: { width: 375, height: 700 } })
  const assertFits = async () => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375)
  await page.locator('#operations-images-createCIMG').waitFor()
  await assertFits()
  await shoot(page, 'phone')
  await authorized(page)
  const create = await openCreate(page)
  await assertFits()
  assert.equal((await send(create)).errno, 0)
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await assertFits()
  await shoot(page, 'phone-created')
  for (const [text, ...buttons] of [['.curl', '.curl-command .copy-to-clipboard'], ['.response .microlight', '.response .copy-to-clipboard', '.download-contents']]) {
    const shown = await create.locator(text).first().boundingBox()
    for (const button of buttons) {
      const { y } = await create.locator(button).first().boundingBox()
      assert.ok(y >= shown.y + shown.height, `${button} covers no line`)
    }
  }
  const result = page.locator('#operations-jobs-getJobResult')
  await result.locator('.opblock-summary-control').click()
  for (const control of await result.locator('.parameters input, .execute').all()) {
    const { x, width } = await control.boundingBox()
    assert.ok(x >= 0 && x + width <= 375 && width > 250, `${x}, ${width}: wide enough for an id`)
  }
  await result.scrollIntoViewIfNeeded()
  await shoot(page, 'phone-jobs')
  page.assertQuiet()
})

test('getJobResult as it is shown answers two jobs', async (t) => {
  const page = await open(t)
  await authorized(page)
  const result = page.locator('#operations-jobs-getJobResult')
  await result.locator('.opblock-summary-control').click()
  const sent = page.waitForRequest((r) => r.url().includes('/dicloud/i/result'))
  const { errno, data } = await send(result)
  assert.match(new URL((await sent).url()).search, /^\?regionId=gz&jobUuids=[0-9a-f]{32}(,|%2C)[0-9a-f]{32}$/)
  assert.equal(errno, 0)
  assert.deepEqual(data.map((job) => job.type), ['CreateCIMG', 'ImportCIMG'])
  await result.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await shoot(page, 'jobs')
  page.assertQuiet()
})

test('behind a proxy with a path prefix, the page works', async (t) => {
  const { url, requests } = await serve(t, (request, response) => {
    if (!request.url.startsWith('/team/cimg/')) return response.writeHead(404).end()
    request.url = request.url.slice('/team/cimg'.length)
    forward(mock.url, request, copyTo(response))
  })
  const page = await open(t, { url: `${url}/team/cimg` })
  await authorized(page)
  assert.equal((await send(await openCreate(page))).errno, 0)
  assert.ok(requests.includes('POST /team/cimg/dicloud/i/storage/cimg/create'), requests)
  assert.ok((await page.locator('.info .description pre').first().innerText()).startsWith(`curl ${url}/team/cimg/dicloud/`))
  for (const name of ['openapi.yaml', 'openapi.json', 'its control API']) {
    const link = page.getByRole('link', { name, exact: true })
    assert.equal((await page.request.get(await link.evaluate((a) => a.href))).status(), 200, name)
  }
  page.assertQuiet()
})

test('the page is dark where the browser asks for dark', async (t) => {
  for (const [colorScheme, isDark] of [['light', false], ['dark', true]]) {
    for (const width of [1280, 375]) {
      const page = await open(t, { colorScheme, viewport: { width, height: 900 } })
      await authorized(page)
      const create = await openCreate(page)
      await send(create)
      await shoot(page, `${colorScheme}-${width}`)
      const { median, darkest, brightest } = await brightness(await page.screenshot())
      assert.equal(median < 0.3, isDark, `${colorScheme} ${width}: ${median}`)
      assert.equal(median > 0.8, !isDark, `${colorScheme} ${width}: ${median}`)
      assert.ok(brightest - darkest > 0.5, `the text stands out: ${darkest}, ${brightest}`)
      const label = await brightness(await create.locator('.opblock-summary-method').screenshot())
      assert.ok(label.brightest > 0.85, `POST is white, not ${label.brightest}`)
      await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
      await shoot(page, `${colorScheme}-${width}-response`)
      await page.locator('button.authorize').first().click()
      const { y, height } = await page.locator('.modal-ux').boundingBox()
      assert.ok(y >= 0 && y + height <= 900, 'the dialog is in view')
      if (isDark) assert.equal(await page.locator('.modal-ux').evaluate((dialog) => getComputedStyle(dialog).boxShadow), 'none', 'a shadow would glow')
      await shoot(page, `${colorScheme}-${width}-authorize`)
    }
  }
})

/** How bright a picture's pixels are, from 0 to 1: the median, and the ends but for the last 2 per mille. */
async function brightness(png) {
  const page = await browser.newPage()
  try {
    return await page.evaluate(async (source) => {
      const image = Object.assign(new Image(), { src: source })
      await image.decode()
      const { width, height } = image
      const canvas = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d')
      canvas.drawImage(image, 0, 0)
      const { data } = canvas.getImageData(0, 0, width, height)
      const levels = Float32Array.from({ length: width * height }, (_, i) => (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 765).sort()
      const at = (share) => levels[Math.floor(share * (levels.length - 1))]
      return { median: at(0.5), darkest: at(0.002), brightest: at(0.998) }
    }, `data:image/png;base64,${png.toString('base64')}`)
  } finally {
    await page.close()
  }
}

test('the whole description unfolds, and nothing of it is cut off', async (t) => {
  for (const [name, width] of Object.entries({ wide: 1280, narrow: 420, phone: 375 })) {
    const page = await open(t, { viewport: { width, height: 900 } })
    const operation = page.locator('#operations-images-createCIMG')
    await operation.waitFor()
    assert.ok(width < 1000 || (await operation.boundingBox()).y < 900, 'the operations begin on the first screen')
    for (const summary of await page.locator('.info summary').all()) await summary.click()
    await page.getByRole('cell', { name: '16000002' }).waitFor()
    const form = page.locator('details', { hasText: 'Two request forms' }).locator('pre')
    assert.match(await form.innerText(), /"cimg": \{\s*"name"/)
    const { x, width: column } = await page.getByRole('columnheader', { name: 'anything changed?' }).boundingBox()
    assert.ok(x + column <= width, name)
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width)
    await shoot(page, `description-${name}`)
    page.assertQuiet()
  }
})

test('the browser sends nothing from the page to anybody but the mock', async (t) => {
  const page = await open(t)
  const blocked = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
    fetch('https://production.example/').then(() => resolve('nothing'), () => {})
  }))
  assert.equal(blocked, 'connect-src')
})

test('make docs makes one file that works without a network', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'cimg-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'cimg.html')
  execFileSync('npm', ['run', '--silent', 'docs', file], { cwd: new URL('..', import.meta.url), stdio: 'pipe' })

  for (const [name, options] of Object.entries({
    docs: {}, 'docs-dark': { colorScheme: 'dark' }, 'docs-phone': { viewport: { width: 375, height: 700 } },
  })) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true, ...options })
    t.after(() => context.close())
    const left = [], errors = [] // a request that the page's policy blocks does not leave the page
    await context.route(/^(?!file:|data:|blob:)/, (route) => { left.push(route.request().url()); return route.abort() })
    const page = await context.newPage()
    page.on('pageerror', (e) => errors.push(e.message))
    await page.goto(pathToFileURL(file).href)
    await page.getByRole('heading', { name: 'Two request forms' }).waitFor()
    await shoot(page, name)

    await page.keyboard.press('Control+k')
    await page.keyboard.type('importCIMG')
    await page.getByText('/dicloud/i/storage/cimg/import').last().click()
    await page.waitForURL(/importcimg/)
    await page.getByRole('heading', { name: /跨地域复制镜像/ }).waitFor()
    await shoot(page, `${name}-operation`)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), name)
    assert.deepEqual({ left, errors }, { left: [], errors: [] }, name)
  }
})

test('the contract is served as it is', async () => {
  const response = await fetch(mock.url + '/openapi.yaml')
  assert.equal(await response.text(), readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8'))
})
