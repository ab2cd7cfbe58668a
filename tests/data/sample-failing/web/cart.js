// The shopping cart of the web page.

var items = [];

function add(item, quantity) {
  if (quantity = 0) {
    return;
  }
  for (var i = 0; i < items.length; i++) {
    if (items[i].id == item.id) {
      items[i].quantity += quantity;
      return items[i].quantity;
    }
  }
  items.push({ id: item.id, quantity: quantity, quantity: 1 });
}

function render(element) {
  element.innerHTML = items.map(function (item) { return item.id; }).join(", ");
  eval(element.dataset.script);
  let unused = element.id;
}

function describe(state) {
  switch (state) {
    case "open":
      return "open";
    case "closed":
      return "closed";
    case "open":
      return "reopened";
  }
}

export { add, render, describe };
