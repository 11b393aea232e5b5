// Pages of a team's own application, at another origin than the service, that embed the player.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { gather, VIOLATIONS } from './gateway.mjs';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Errors that a page throws before anybody could listen for them. */
const LISTEN = `window.failures = [];
addEventListener('error', (event) => failures.push(String(event.message)));
addEventListener('unhandledrejection', (event) => failures.push(String(event.reason)));`;

/** The services that may be embedded, under whatever port they are. */
const SERVICE = 'http://127.0.0.1:*';
const POLICY =
  `default-src 'none'; script-src 'self' ${SERVICE}; connect-src 'self' ${SERVICE}; media-src ${SERVICE}; ` +
  `style-src 'self'; img-src 'self'; base-uri 'none'; report-uri ${VIOLATIONS}`;
const WITH_INLINE = POLICY.replace('script-src', "script-src 'unsafe-inline'").replace('style-src', "style-src 'unsafe-inline'");

/** So that pictures show the player and not a browser's own taste. */
const STYLE = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }`;

/**
 * Serves what `show` is given, under a policy as strict as the service's own; `violations` is what it forbade.
 *
 * It is reached as `localhost`: another site than the service's 127.0.0.1, so that no cookie goes along.
 */
export async function startHosts() {
  const pages = new Map([
    ['/listen.js', LISTEN],
    ['/style.css', STYLE],
  ]);
  const folders = new Map();
  const hasInline = [];
  const violations = [];
  let renew = null;
  const server = createServer((asked, answer) => {
    const { pathname } = new URL(asked.url, 'http://hosts');
    if (pathname === VIOLATIONS) return void gather(asked, answer, violations);
    void contentOf(pathname).then((content) => {
      if (content === null) return answer.writeHead(404).end();
      const type = TYPES[extname(pathname)] ?? TYPES['.html'];
      answer.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policyOf(pathname) });
      answer.end(content);
    });
  });

  const policyOf = (path) => (hasInline.some((prefix) => path.startsWith(prefix)) ? WITH_INLINE : POLICY);

  async function contentOf(path) {
    if (path.startsWith('/renew/')) return renew(path.slice('/renew/'.length));
    if (pages.has(path)) return pages.get(path);
    for (const [prefix, folder] of folders) {
      if (!path.startsWith(prefix)) continue;
      const name = normalize(path.slice(prefix.length)) || 'index.html';
      return readFile(join(folder, name === '.' ? 'index.html' : name)).catch(() => null);
    }
    return null;
  }

  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  const origin = `http://localhost:${server.address().port}`;
  return {
    origin,
    violations,
    /** What a team's own server does for its pages: `GET /renew/…` answers with a new link. */
    renewBy: (newLink) => void (renew = newLink),
    /** The address of a page with this body and this module script of its own. */
    show(body, { script = '', language = 'en', direction = 'ltr', player }) {
      const path = `/page-${pages.size}`;
      pages.set(`${path}.js`, script);
      pages.set(
        path,
        `<!doctype html><html lang="${language}" dir="${direction}"><head><meta charset="utf-8"><title>A team's own page</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/style.css"><script src="/listen.js"></script>
        <script type="module" src="${player}"></script><script type="module" src="${path}.js"></script></head>
        <body><main><h1>A team's own page</h1>${body}</main></body></html>`,
      );
      return `${origin}${path}`;
    },
    /** The address of an application that lies in a folder; `isInline`: with scripts and styles within its page. */
    showFolder(name, folder, isInline = false) {
      folders.set(`/${name}/`, folder);
      if (isInline) hasInline.push(`/${name}/`);
      return `${origin}/${name}/`;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
