// What a new database holds: a shop's customers, products and orders.

export const SEED = `
  create table customers (
    id int primary key generated always as identity,
    name text not null,
    country text not null,
    joined date not null
  );
  create table products (
    id int primary key generated always as identity,
    name text not null unique,
    price numeric(8, 2) not null
  );
  create table orders (
    id int primary key generated always as identity,
    customer_id int not null references customers,
    product_id int not null references products,
    quantity int not null,
    ordered_at timestamptz not null
  );
  insert into customers (name, country, joined)
    select (array['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Margaret', 'Ken'])[1 + n % 8] || ' ' ||
           (array['Berg', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia'])[1 + n / 8 % 6],
           (array['DE', 'FR', 'PT', 'NO', 'ES', 'NL', 'PL'])[1 + n % 7],
           date '2023-01-01' + n * 9
    from generate_series(0, 119) n;
  insert into products (name, price)
    values ('Notebook', 4.90), ('Fountain pen', 32.00), ('Ink, blue', 8.50), ('Desk lamp', 59.00), ('Ruler', 3.20),
           ('Letter opener', 17.80), ('Blotting paper', 2.40), ('Pencil case', 21.50);
  insert into orders (customer_id, product_id, quantity, ordered_at)
    select 1 + n * 37 % 120, 1 + n * n % 8, 1 + n % 5, timestamptz '2025-01-01 08:00Z' + n * interval '97 minutes'
    from generate_series(1, 5000) n;
  create index on orders (ordered_at);
`;
