// Making elements. Text goes in as text only: nothing here, or anywhere in the page, reads markup from a string.

const SVG = 'http://www.w3.org/2000/svg';

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

function append(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      node.append(child); // a string becomes a text node
    }
  }
  return node;
}

// el('p', {class: 'dim', onclick: f}, 'text', otherNode, [more])
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  return append(node, ...children);
}

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  return append(node, ...children);
}

export function byId(id) {
  return document.getElementById(id);
}

export function replace(node, ...children) {
  node.replaceChildren();
  return append(node, ...children);
}

// Writes only what is another text than before: a list that is filled again each second keeps selections and costs little.
export function setText(node, text) {
  const wanted = text === null || text === undefined ? '' : String(text);
  if (node.textContent !== wanted) {
    node.textContent = wanted;
  }
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, String(value));
  }
}

// One call per burst, after the last one of it.
export function debounce(wait, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), wait);
  };
}
