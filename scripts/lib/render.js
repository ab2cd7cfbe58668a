'use strict';
// Renders Build Summaries (Markdown) to one HTML page that looks like the Extensions tab of a pipeline run:
//
//   node scripts/lib/render.js SUMMARY.md PAGE.html [TITLE]

const fs = require('fs');
const path = require('path');
const markdownIt = require('markdown-it');
const sanitizeHtml = require('sanitize-html');

// HTML in the Markdown goes through the sanitiser, as in Azure DevOps, which keeps only what is listed.
const markdown = markdownIt({ html: true });
const ALLOWED = {
  allowedTags: [
    'a', 'b', 'blockquote', 'br', 'code', 'del', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'li',
    'ol', 'p', 'pre', 's', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
  ],
  allowedAttributes: { a: ['href', 'title', 'rel'], ol: ['start'], td: ['style'], th: ['style'] },
  allowedSchemes: ['http', 'https'],
  allowProtocolRelative: false,
  allowedStyles: { '*': { 'text-align': [/^(left|right|center)$/] } },
  transformTags: { a: sanitizeHtml.simpleTransform('a', { rel: 'noopener noreferrer' }) },
};

const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f8f8f8; --card: #fff; --text: rgba(0, 0, 0, .9); --muted: rgba(0, 0, 0, .55); --link: #005a9e;
  --line: rgba(0, 0, 0, .12); --head: rgba(0, 0, 0, .04); --code: rgba(0, 0, 0, .06);
  --shadow: 0 1.6px 3.6px rgba(0, 0, 0, .13), 0 .3px .9px rgba(0, 0, 0, .11);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #201f1e; --card: #292827; --text: rgba(255, 255, 255, .9); --muted: rgba(255, 255, 255, .6); --link: #6cb8f6;
    --line: rgba(255, 255, 255, .16); --head: rgba(255, 255, 255, .05); --code: rgba(255, 255, 255, .1);
    --shadow: 0 1.6px 3.6px rgba(0, 0, 0, .5), 0 .3px .9px rgba(0, 0, 0, .4);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 32px 16px; background: var(--page); color: var(--text);
  font: 14px/1.5 "Segoe UI", -apple-system, BlinkMacSystemFont, Roboto, "Helvetica Neue", Ubuntu, "Noto Sans",
    "Liberation Sans", Arial, sans-serif, "Segoe UI Emoji", "Apple Color Emoji", "Noto Color Emoji";
}
main { max-width: 1000px; margin: 0 auto; }
section { margin-bottom: 16px; padding: 20px 24px; background: var(--card); border-radius: 4px; box-shadow: var(--shadow); }
section > h1 { margin: 0 0 16px; font-size: 17.5px; font-weight: 600; }
.tab { margin: 0 0 20px; border-bottom: 1px solid var(--line); }
.tab span { display: inline-block; padding: 8px 2px; font-weight: 600; border-bottom: 2px solid var(--link); }
.summary { overflow-wrap: anywhere; }
.summary > :first-child { margin-top: 0; }
.summary > :last-child { margin-bottom: 0; }
.summary h1, .summary h2, .summary h3 { margin: 24px 0 8px; font-size: 18px; line-height: 1.3; font-weight: 600; }
.summary h4, .summary h5, .summary h6 { margin: 20px 0 8px; font-size: 15px; line-height: 1.3; font-weight: 600; }
p, ul, ol, blockquote, pre, table { margin: 0 0 12px; }
ul, ol { padding-left: 24px; }
blockquote { padding-left: 12px; border-left: 3px solid var(--line); color: var(--muted); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code { padding: 1px 4px; background: var(--code); border-radius: 3px; font: 13px/1.4 Consolas, Menlo, "Liberation Mono", monospace; }
pre { padding: 12px; overflow: auto; background: var(--code); border-radius: 4px; }
pre code { padding: 0; background: none; }
hr { margin: 16px 0; border: 0; border-top: 1px solid var(--line); }
table { display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse; }
th, td { padding: 6px 14px; border: 1px solid var(--line); text-align: left; vertical-align: top; }
th { background: var(--head); font-weight: 600; }
`;

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

// The HTML of a summary's Markdown, inside its card.
const renderMarkdown = (text) => sanitizeHtml(markdown.render(text), ALLOWED);

// The page for cards {name, content}: each attached summary is one card under its attachment's name.
function renderPage(cards) {
  const sections = cards.map(({ name, content }) =>
    `<section>\n<h1>${escape(name)}</h1>\n<div class="summary">\n${renderMarkdown(String(content))}</div>\n</section>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(cards.map((card) => card.name).join(', '))}</title>
<style>${STYLE}</style>
<main>
<p class="tab"><span>Extensions</span></p>
${sections.join('\n')}
</main>
</html>
`;
}

module.exports = { renderMarkdown, renderPage };

if (require.main === module) {
  const [summary, page, title = path.basename(summary || '', '.md')] = process.argv.slice(2);
  if (!page) throw new Error('usage: node scripts/lib/render.js SUMMARY.md PAGE.html [TITLE]');
  fs.writeFileSync(page, renderPage([{ name: title, content: fs.readFileSync(summary, 'utf8') }]));
}
